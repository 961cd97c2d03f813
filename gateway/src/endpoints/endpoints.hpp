// One declaration an endpoint; the files beside this one define them, routes.cpp lists them.
#pragma once

#include <memory>

namespace zenith::gateway {

class Call;

void chat_completions(const std::shared_ptr<Call>& call);
void completions(const std::shared_ptr<Call>& call);
void embeddings(const std::shared_ptr<Call>& call);
void list_models(const std::shared_ptr<Call>& call);
void get_model(const std::shared_ptr<Call>& call);
void speech(const std::shared_ptr<Call>& call);
void transcriptions(const std::shared_ptr<Call>& call);
void voices(const std::shared_ptr<Call>& call);
void vision_ocr(const std::shared_ptr<Call>& call);
void vision_ui(const std::shared_ptr<Call>& call);
void vision_ui_schema(const std::shared_ptr<Call>& call);
void list_sensors(const std::shared_ptr<Call>& call);
void get_sensor(const std::shared_ptr<Call>& call);
void load_sensor(const std::shared_ptr<Call>& call);
void unload_sensor(const std::shared_ptr<Call>& call);
void sensor_frames(const std::shared_ptr<Call>& call);
void sensor_window(const std::shared_ptr<Call>& call);
void sensor_picture(const std::shared_ptr<Call>& call);
void start_sensor(const std::shared_ptr<Call>& call);
void stop_sensor(const std::shared_ptr<Call>& call);
void tokenize(const std::shared_ptr<Call>& call);
void detokenize(const std::shared_ptr<Call>& call);
void apply_template(const std::shared_ptr<Call>& call);
void stream(const std::shared_ptr<Call>& call);
void talk(const std::shared_ptr<Call>& call);
void healthz(const std::shared_ptr<Call>& call);
void readyz(const std::shared_ptr<Call>& call);
void metrics(const std::shared_ptr<Call>& call);
void system_status(const std::shared_ptr<Call>& call);
void props(const std::shared_ptr<Call>& call);
void openapi(const std::shared_ptr<Call>& call);
void page(const std::shared_ptr<Call>& call);

}  // namespace zenith::gateway
