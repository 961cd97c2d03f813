// /v1/sensors: parameters, the shapes that scripts rely on, frames over a real socket.
#include "api/sensors.hpp"

#include <gmock/gmock.h>

#include "json/parse.hpp"
#include "route.hpp"
#include "server_fixture.hpp"

namespace zenith::gateway::test {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

TEST(sensor_parameters, durations) {
  EXPECT_EQ(read_duration("30s", "window")->count(), 30'000);
  EXPECT_EQ(read_duration("500ms", "window")->count(), 500);
  EXPECT_EQ(read_duration("2m", "window")->count(), 120'000);
  EXPECT_EQ(read_duration("1.5", "window")->count(), 1500);
  for (const auto* bad : {"", "s", "-1s", "0", "1h", "1 s", "nan", "inf", "1e400", "30ss", "0x10"}) {
    const auto got = read_duration(bad, "window");
    ASSERT_FALSE(got) << bad;
    EXPECT_EQ(got.error().param, "window");
  }
}

TEST(sensor_parameters, since_and_rate) {
  const auto watch = [](const std::string& target, const std::string* header = nullptr) {
    return Query::read(target, {"since", "rate"}).and_then([&](const Query& q) { return read_watch(q, header); });
  };
  EXPECT_FALSE(watch("/f")->from);
  EXPECT_EQ(watch("/f?since=41")->from, 42U);
  const std::string last = "7";
  EXPECT_EQ(watch("/f", &last)->from, 8U);
  EXPECT_EQ(watch("/f?since=41", &last)->from, 42U) << "what is asked for in the query wins";
  EXPECT_EQ(watch("/f?rate=2.5&since=0")->rate_hz, 2.5);
  const auto param = [&](const std::string& target) {
    const auto got = watch(target);
    return got ? std::string{"nothing"} : got.error().param;
  };
  EXPECT_EQ(param("/f?since=x"), "since");
  EXPECT_EQ(param("/f?since=18446744073709551615"), "since");
  EXPECT_EQ(param("/f?since=18446744073709551616"), "since");
  EXPECT_EQ(param("/f?rate=-1"), "rate");
  EXPECT_EQ(param("/f?rate=nan"), "rate");
  EXPECT_EQ(param("/f?speed=1"), "speed");
  EXPECT_EQ(param("/f?rate=1&rate=2"), "rate");
  EXPECT_FALSE(watch("/f?rate=%zz"));
}

TEST(sensor_routes, a_path_below_an_id_is_not_another_id) {
  EXPECT_EQ(match_route("GET", "/v1/sensors/host.cpu").parameter, "host.cpu");
  EXPECT_EQ(match_route("GET", "/v1/sensors/host.cpu/frames").parameter, "host.cpu");
  EXPECT_EQ(match_route("POST", "/v1/sensors/host.cpu/stop").parameter, "host.cpu");
  EXPECT_EQ(match_route("GET", "/v1/sensors/host.cpu/start").allow, "POST");
  EXPECT_EQ(match_route("PUT", "/v1/sensors/host.cpu").allow, "GET, HEAD, DELETE");
}

TEST(sensor_frames, what_is_large_is_base64_and_what_is_no_number_null) {
  messages::Frames frames;
  frames.dtype = messages::SampleType::u8;
  frames.dims = {100, 100};
  frames.heads = {{1, 2, 3, 0}};
  frames.data = Buffer::of(std::string(10'000, '\x01'));
  frames.next = 2;
  const auto text = frame_events("cam.image", frames);
  EXPECT_THAT(text, HasSubstr(R"("values":null,"dtype":"u8","dims":[100,100],"base64":"AQEB)"));

  frames.dims = {1025, 1024};
  frames.data = Buffer::of(std::string(std::size_t{1025} * 1024, '\x01'));
  EXPECT_THAT(frame_events("cam.image", frames),
              HasSubstr(R"("values":null,"dtype":"u8","dims":[1025,1024],"base64":null)"));

  frames.dtype = messages::SampleType::f32;
  frames.dims = {2};
  const float values[] = {1.5F, std::numeric_limits<float>::quiet_NaN()};
  frames.data = Buffer::of(std::string(reinterpret_cast<const char*>(values), sizeof values));
  EXPECT_THAT(frame_events("a.b", frames), HasSubstr(R"("values":[1.5,null])"));

  frames.dtype = messages::SampleType::u64;
  frames.dims = {};
  const std::uint64_t large = ~0ULL;
  frames.data = Buffer::of(std::string(reinterpret_cast<const char*>(&large), sizeof large));
  EXPECT_THAT(frame_events("a.b", frames), HasSubstr("[18446744073709551615]"));
}

TEST_F(ServerTest, sensors_are_listed_and_a_plugin_that_failed_says_why) {
  const auto listed = body(ask(get("/v1/sensors")));
  ASSERT_TRUE(parse_json(listed)) << listed;
  EXPECT_THAT(
      listed,
      HasSubstr(
          R"({"id":"fake.level","object":"sensor","service":"sensor-1","plugin":"fake","version":"1.0.0","kind":"test","status":"ready","detail":"","channels":[{"name":"level","unit":"Cel","dtype":"i16","shape":[2],"labels":["low","high"],"rate_hz":10,"policy":"drop_oldest"}]})"));
  EXPECT_THAT(listed,
              HasSubstr(R"({"id":"sensor-2","object":"sensor","service":"sensor-2","plugin":null,"status":"failed",)"
                        R"("detail":"quarantined: another ABI","channels":[]})"));
  EXPECT_THAT(listed, Not(HasSubstr(R"("id":"sensor-1")"))) << "it speaks through its sensor";
  EXPECT_EQ(status(ask(get("/v1/sensors/fake.level"))), 200);
  const auto unknown = ask(get("/v1/sensors/nobody"));
  EXPECT_EQ(status(unknown), 404);
  EXPECT_THAT(unknown, HasSubstr("known are fake.level"));
  EXPECT_THAT(body(ask(get("/v1/models"))), Not(HasSubstr("fake.level")));
}

TEST_F(ServerTest, frames_come_as_events_with_their_number_and_what_is_lost) {
  auto client = connect();
  client->send(get("/v1/sensors/fake.level/frames?since=2&rate=5"));
  ASSERT_TRUE(client->read_until("0\r\n\r\n")) << client->text();
  const auto& text = client->text();
  EXPECT_EQ(status(text), 200);
  EXPECT_THAT(text, HasSubstr("Content-Type: text/event-stream\r\n"));
  EXPECT_THAT(
      text,
      HasSubstr(
          "id: 3\n"
          R"(data: {"sensor_id":"fake.level","seq":3,"t_ns":30,"wall_ns":300,"flags":["simulated"],"values":[1,-1]})"
          "\n\n"));
  EXPECT_THAT(
      text, HasSubstr(R"("seq":7,"t_ns":70,"wall_ns":700,"flags":["gap"],"lost":{"first":4,"last":6},"values":[2,3])"));
  EXPECT_THAT(text, HasSubstr(R"("seq":8,"t_ns":80,"wall_ns":800,"flags":[],"values":[4,5])"));
  const auto seen = engine.seen();
  ASSERT_EQ(seen.watches.size(), 1U);
  EXPECT_EQ(seen.watches[0].from, 3U);
  EXPECT_EQ(seen.watches[0].rate_hz, 5);
  EXPECT_EQ(seen.granted.begin()->second, 2U) << "one for each event that the socket took";
}

TEST_F(ServerTest, frames_come_over_a_websocket_to_who_asks_for_one) {
  auto client = connect();
  client->send(
      "GET /v1/sensors/fake.level/frames?since=2 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
      "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
  ASSERT_TRUE(client->read_until(R"({"type":"done","reason":"complete"})")) << client->text();
  const auto& text = client->text();
  EXPECT_EQ(status(text), 101);
  EXPECT_THAT(
      text,
      HasSubstr(R"({"sensor_id":"fake.level","seq":3,"t_ns":30,"wall_ns":300,"flags":["simulated"],"values":[1,-1]})"));
  EXPECT_THAT(text, HasSubstr(R"("lost":{"first":4,"last":6},"values":[2,3])"));
  EXPECT_THAT(text, Not(HasSubstr("data: ")));
  EXPECT_EQ(engine.seen().watches.at(0).from, 3U);
}

TEST_F(ServerTest, a_websocket_of_frames_is_refused_before_it_is_one) {
  const auto shake = [&](const std::string& path) {
    return ask("GET /v1/sensors/" + path +
               " HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n");
  };
  EXPECT_THAT(shake("nobody/frames"), HasSubstr("known are fake.level"));
  EXPECT_EQ(status(shake("fake.level/frames?rate=0")), 400);
  EXPECT_TRUE(engine.seen().watches.empty());
}

TEST_F(ServerTest, credit_is_as_much_as_a_connection_may_have_waiting) {
  auto client = connect();
  client->send(get("/v1/sensors/fake.level/frames"));
  ASSERT_TRUE(client->read_until("0\r\n\r\n"));
  EXPECT_EQ(engine.seen().watches.at(0).credit_events, 16U) << "two numbers of 2 bytes";
  auto other = connect();
  other->send(get("/v1/sensors/missing/frames"));
  ASSERT_TRUE(other->read_until("known are"));
  EXPECT_EQ(engine.seen().watches.at(1).credit_events, 2U) << "of an unknown size";
}

TEST_F(ServerTest, a_picture_is_of_a_sensor_that_gives_some) {
  const auto none = ask(get("/v1/sensors/fake.level/picture"));
  EXPECT_EQ(status(none), 400);
  EXPECT_THAT(none, HasSubstr("gives numbers, no pictures"));
  EXPECT_EQ(status(ask(get("/v1/sensors/nobody/picture"))), 404);
  EXPECT_EQ(status(ask(get("/v1/sensors/fake.level/picture?size=1"))), 400);
  EXPECT_TRUE(engine.seen().watches.empty());
}

TEST_F(ServerTest, a_sensor_nobody_has_is_404_and_one_that_is_lost_an_error_event) {
  const auto missing = ask(get("/v1/sensors/missing/frames"));
  EXPECT_EQ(status(missing), 404);
  EXPECT_THAT(missing, HasSubstr("known are fake.level"));
  engine.set({.error = Error{Errc::unavailable, "it went away", {}, {}}});
  auto client = connect();
  client->send(get("/v1/sensors/fake.level/frames"));
  ASSERT_TRUE(client->read_until("0\r\n\r\n"));
  EXPECT_THAT(client->text(), HasSubstr("event: error\ndata: {\"error\":{\"message\":\"it went away\""));
}

TEST_F(ServerTest, a_reader_that_leaves_cancels_its_watch_and_a_drain_ends_it_at_once) {
  engine.set({.hold = true});
  auto client = connect();
  client->send(get("/v1/sensors/fake.level/frames"));
  ASSERT_TRUE(client->read_until("\"seq\":8"));
  client->close();
  ASSERT_TRUE(engine.wait_until([](const auto& seen) { return !seen.cancelled.empty(); }));
  auto other = connect();
  other->send(get("/v1/sensors/fake.level/frames"));
  ASSERT_TRUE(other->read_until("\"seq\":8"));
  const auto begin = std::chrono::steady_clock::now();
  stop(std::chrono::milliseconds(20'000));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
  other->read_until("shutting down");
  EXPECT_THAT(other->text(), HasSubstr("the server is shutting down"));
}

TEST_F(ServerTest, a_window_and_start_and_stop) {
  const auto window = ask(get("/v1/sensors/fake.level/window?window=2s"));
  EXPECT_EQ(status(window), 200);
  EXPECT_THAT(
      window,
      HasSubstr(
          R"("sensor_id":"fake.level","window_ms":2000,"unit":"Cel","frames":2,"lost":1,"gaps":1,"span_s":1.5,"elements":[{"label":"level","last":21,"mean":20.5,"min":20,"max":21,"slope_per_s":0.5}],"text":"two measurements")"));
  EXPECT_EQ(status(ask(get("/v1/sensors/fake.level/window?window=301s"))), 400);
  EXPECT_THAT(ask("POST /v1/sensors/fake.level/stop HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"),
              HasSubstr(R"({"id":"fake.level","status":"stopped"})"));
  EXPECT_EQ(engine.seen().sensor_sets.at(0).run, false);
}

TEST_F(ServerTest, plugins_are_loaded_over_http_only_where_that_is_configured) {
  const auto refused = ask(post("/v1/sensors", R"({"plugin":"x"})"));
  EXPECT_EQ(status(refused), 400);
  EXPECT_THAT(refused, HasSubstr(R"("param":"sensors.load")"));
  EXPECT_EQ(status(ask("DELETE /v1/sensors/fake.level HTTP/1.1\r\nHost: localhost\r\n\r\n")), 400);
  EXPECT_TRUE(engine.seen().sensor_loads.empty());
}

struct LoadingServerTest : ServerTest {
  LoadingServerTest() { options.load_sensors = true; }
};

TEST_F(LoadingServerTest, a_plugin_is_loaded_with_its_options_and_unloaded) {
  EXPECT_THAT(ask(post("/v1/sensors", R"({"plugin":"test","options":{"rate_hz":5}})")),
              HasSubstr(R"({"service":"sensor-1","status":"loading"})"));
  EXPECT_EQ(engine.seen().sensor_loads.at(0).options, R"({"rate_hz":5})");
  EXPECT_THAT(ask("DELETE /v1/sensors/fake.level HTTP/1.1\r\nHost: localhost\r\n\r\n"),
              HasSubstr(R"({"service":"sensor-1","deleted":true})"));
  for (const auto* bad : {R"({})", R"({"plugin":""})", R"({"plugin":1})", R"({"plugin":"x","options":"y"})",
                          R"({"plugin":"x","more":1})"}) {
    EXPECT_EQ(status(ask(post("/v1/sensors", bad))), 400) << bad;
  }
}

}  // namespace
}  // namespace zenith::gateway::test
