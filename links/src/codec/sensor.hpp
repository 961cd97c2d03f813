// Sensors inside bodies.
#pragma once

#include "reader.hpp"
#include "writer.hpp"
#include "zenith/messages/sensor.hpp"

namespace zenith::links {

At<fb::SensorEntry> write_sensor(Writer& w, const messages::SensorEntry& sensor);
messages::SensorEntry read_sensor(Reader& r, const fb::SensorEntry& from);

At<fb::Frames> write_frames(Writer& w, const messages::Frames& frames);
/// The frames' values: u8 [n].
Tensor frame_values(const messages::Frames& frames);
/// The values' size is that of the heads' frames. They share the message's buffer.
messages::Frames read_frames(Reader& r, const fb::Frames& from, const std::vector<Tensor>& tensors);

At<fb::Window> write_window(Writer& w, const messages::Window& window);
/// @param tensors the files of its pictures.
messages::Window read_window(Reader& r, const fb::Window& from, const std::vector<Tensor>& tensors);

At<fb::Watch> write_work(Writer& w, const messages::Watch& watch);
At<fb::ReadWindow> write_work(Writer& w, const messages::ReadWindow& read);
At<fb::SetSensor> write_work(Writer& w, const messages::SetSensor& set);
messages::Watch read_work(Reader& r, const fb::Watch& from);
messages::ReadWindow read_work(Reader& r, const fb::ReadWindow& from);
messages::SetSensor read_work(Reader& r, const fb::SetSensor& from);

}  // namespace zenith::links
