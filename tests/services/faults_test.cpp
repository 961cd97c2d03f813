// What goes wrong, and whom it concerns: cancels, deadlines, slow clients, actors that throw, random interleavings of
// all of it.
#include <random>

#include "harness.hpp"

namespace zenith::services {
namespace {

TEST(faults, a_cancel_stops_compute_within_one_step_and_frees_the_pages) {
  Graph graph;
  auto r = graph.request("hello", 400);
  const RequestId id = r.header.id;
  const auto client = graph.send(std::move(r));
  graph.run(5);
  EXPECT_GT(graph.pages_in_use(), 0u);
  const auto rows = graph.model().rows;
  graph.port.cancel(id);
  graph.settle();
  ASSERT_TRUE(client->error);
  EXPECT_EQ(client->error->code, Errc::cancelled);
  graph.run();
  EXPECT_LE(graph.model().rows, rows + 1);
  EXPECT_EQ(graph.pages_in_use(), 0u);
  EXPECT_EQ(graph.gauge("zenith_kv_pages_used{model=\"toy\"}"), 0);
  EXPECT_EQ(graph.sessions.size(), 0u);
  EXPECT_EQ(client->last_events, 1);
}

TEST(faults, a_cancel_before_anything_ran_computes_nothing) {
  Graph graph;
  auto r = graph.request("hello", 400);
  const RequestId id = r.header.id;
  const auto client = graph.send(std::move(r));
  graph.port.cancel(id);
  graph.run();
  EXPECT_EQ(client->error->code, Errc::cancelled);
  EXPECT_EQ(graph.model().rows, 0u);
}

struct DeafSession final : actors::Actor<actors::SessionMessage> {
  void on(actors::SessionMessage, actors::Context&) override {}
};

TEST(faults, a_cancelled_request_is_kept_by_no_job_that_waits) {
  Graph graph;
  const actors::Ref<actors::ServiceMessage> service{graph.services.at("text-0")};
  const actors::Ref<actors::SessionMessage> session{graph.system.spawn("session", std::make_unique<DeafSession>())};
  auto request = std::make_shared<const messages::Generate>(graph.request("hello"));
  const RequestId id = request->header.id;
  const std::weak_ptr kept = request;
  service.send(actors::Submit{std::move(request), session, 1});
  graph.settle();
  ASSERT_EQ(graph.worker.jobs.size(), 1u);
  EXPECT_FALSE(kept.expired());
  service.send(actors::CancelWork{id});
  graph.settle();
  EXPECT_TRUE(kept.expired());
  graph.run();
  EXPECT_EQ(graph.model().rows, 0u);
}

TEST(faults, a_cancelled_embedding_gives_its_place_back_at_once) {
  std::vector<Errc> ends;
  Graph graph;
  auto engine = std::make_shared<TextEngine>();
  engine->limits.queue = 1;
  const actors::Ref<actors::ServiceMessage> service{graph.system.spawn(
      "embed", make_embed_service({engine, &graph.lane, &graph.worker, &graph.effects, &graph.metrics}))};
  const auto ask = [&] {
    const actors::Promise<messages::Embeddings> answer{
        [&ends](const Expected<messages::Embeddings>& got) { ends.push_back(got.error().code); },
        Error{Errc::unavailable, "gone", {}, {}}};
    service.send(actors::EmbedCall{{}, answer});
    graph.settle();
    return answer.breaker();
  };
  const auto give_up = ask();
  static_cast<void>(ask());
  EXPECT_EQ(ends, (std::vector{Errc::overloaded}));
  give_up({Errc::cancelled, "the client is gone", {}, {}});
  graph.settle();
  static_cast<void>(ask());
  EXPECT_EQ(ends, (std::vector{Errc::overloaded, Errc::cancelled})) << "the third has the first's place";
}

TEST(faults, when_too_much_waits_for_the_worker_requests_are_refused) {
  Graph graph;
  graph.worker.most = 0;
  const auto client = graph.send(graph.request("hello"));
  graph.run();
  ASSERT_TRUE(client->error);
  EXPECT_EQ(client->error->code, Errc::overloaded);
  graph.worker.most = 1;
  const auto later = graph.send(graph.request("hello"));
  graph.run();
  EXPECT_TRUE(later->finished);
}

TEST(faults, a_deadline_ends_a_running_request) {
  Graph graph;
  auto r = graph.request("hello", 400);
  r.header.deadline = {graph.effects.fake_clock.now() + 1s};
  const auto client = graph.send(std::move(r));
  graph.run(5);
  graph.effects.fake_clock.advance(1s);
  graph.run();
  EXPECT_EQ(client->error->code, Errc::deadline);
  EXPECT_GT(client->deltas, 0);
  EXPECT_EQ(graph.pages_in_use(), 0u);
}

TEST(faults, a_client_that_takes_nothing_holds_back_only_itself) {
  Graph graph;
  auto slow = graph.request("slow", 100);
  slow.credit_events = 4;
  const RequestId slow_id = slow.header.id;
  const auto a = graph.send(std::move(slow));
  const auto b = graph.send(graph.request("fast", 100));
  graph.run();
  EXPECT_EQ(a->deltas, 4);
  EXPECT_FALSE(a->ended);
  EXPECT_TRUE(b->finished);
  for (int i = 0; i < 40 && !a->ended; ++i) {
    graph.port.grant(slow_id, 4);
    graph.run();
  }
  EXPECT_EQ(a->text[0], toy::expected_text("slow", 100));
}

TEST(faults, a_full_queue_refuses_at_once_and_the_rest_is_served) {
  ModelSpec spec;
  spec.sequences = 2;
  spec.queue = 3;
  Graph graph(spec);
  std::vector<std::shared_ptr<Client>> clients;
  for (int i = 0; i < 2; ++i) clients.push_back(graph.send(graph.request("r", 10)));
  graph.run(1);
  for (int i = 0; i < 6; ++i) clients.push_back(graph.send(graph.request("q", 10)));
  graph.run();
  int served = 0, refused = 0;
  for (const auto& c : clients) {
    served += c->finished.has_value();
    refused += c->error && c->error->code == Errc::overloaded && c->error->retry_after.count() > 0;
  }
  EXPECT_EQ(served, 5);
  EXPECT_EQ(refused, 3);
}

TEST(faults, a_failed_service_is_restarted_and_only_its_requests_fail) {
  Graph graph({}, 2);
  const auto mine = graph.send(graph.request("mine", 50));
  auto other_request = graph.request("other", 50);
  other_request.model = "toy1";
  const auto others = graph.send(std::move(other_request));
  graph.run(6);
  const auto before = graph.services["text-0"].id();
  graph.system.kill(graph.services["text-0"]);
  graph.settle();
  ASSERT_TRUE(mine->error);
  EXPECT_EQ(mine->error->code, Errc::unavailable);
  EXPECT_NE(mine->error->message.find("text-0"), std::string::npos) << mine->error->message;

  const auto too_early = graph.send(graph.request("early", 4));
  graph.run();
  ASSERT_TRUE(too_early->error);
  EXPECT_EQ(too_early->error->code, Errc::unavailable);

  graph.effects.fake_clock.advance(1s);
  graph.run();
  EXPECT_NE(graph.services["text-0"].id(), before);
  const auto again = graph.send(graph.request("again", 20));
  graph.run();
  EXPECT_EQ(again->text[0], toy::expected_text("again", 20));
  EXPECT_EQ(others->text[0], toy::expected_text("other", 50));
  EXPECT_EQ(graph.pages_in_use(), 0u);
}

TEST(faults, an_exception_in_a_handler_is_a_typed_error_with_its_reason) {
  Graph graph;
  const auto client = graph.send(graph.request("x", 10));
  graph.lane.throw_once = true;
  graph.run();
  ASSERT_TRUE(client->error);
  EXPECT_EQ(client->error->code, Errc::unavailable);
  EXPECT_NE(client->error->message.find("injected fault"), std::string::npos) << client->error->message;
  graph.effects.fake_clock.advance(1s);
  graph.run();
  const auto again = graph.send(graph.request("again", 5));
  graph.run();
  EXPECT_TRUE(again->finished);
}

TEST(faults, a_service_that_keeps_failing_is_quarantined_and_says_so) {
  Graph graph;
  for (int i = 0; i < 6; ++i) {
    graph.system.kill(graph.services["text-0"]);
    graph.settle();
    graph.effects.fake_clock.advance(6s);
    graph.settle();
  }
  const auto gone = graph.services["text-0"].id();
  graph.effects.fake_clock.advance(600s);
  graph.settle();
  EXPECT_EQ(graph.services["text-0"].id(), gone) << "it stays down";
  const auto client = graph.send(graph.request("x", 4));
  graph.run();
  EXPECT_EQ(client->error->code, Errc::unavailable);
}

TEST(faults, a_poisoned_sequence_fails_alone) {
  Graph graph;
  auto bad = graph.request("", 10);
  bad.prompt = std::vector<TokenId>{1, toy::kPoison, 2};
  const auto good = graph.send(graph.request("good", 20));
  const auto poisoned = graph.send(std::move(bad));
  graph.run();
  EXPECT_EQ(poisoned->error->code, Errc::internal);
  EXPECT_EQ(good->text[0], toy::expected_text("good", 20));
  EXPECT_EQ(graph.pages_in_use(), 0u);
}

TEST(faults, a_dead_router_is_a_typed_error_for_new_requests_only) {
  Graph graph;
  const auto running = graph.send(graph.request("running", 30));
  graph.run(3);
  graph.system.kill(graph.router->get().address());
  graph.settle();
  const auto fresh = graph.send(graph.request("fresh", 5));
  graph.run();
  EXPECT_EQ(fresh->error->code, Errc::unavailable);
  EXPECT_EQ(running->text[0], toy::expected_text("running", 30));
}

TEST(faults, unknown_models_and_draining_are_typed) {
  Graph graph;
  auto r = graph.request("x", 5);
  r.model = "gpt-17";
  const auto unknown = graph.send(std::move(r));
  graph.run();
  EXPECT_EQ(unknown->error->code, Errc::not_found);
  EXPECT_NE(unknown->error->message.find("toy"), std::string::npos);
  graph.sessions.close();
  const auto late = graph.send(graph.request("x", 5));
  graph.run();
  EXPECT_EQ(late->error->code, Errc::draining);
}

TEST(faults, more_sessions_than_the_table_holds_are_refused_before_they_cost_anything) {
  Graph graph;
  std::vector<std::shared_ptr<Client>> clients;
  for (int i = 0; i < 600; ++i) clients.push_back(graph.send(graph.request("x", 1)));
  EXPECT_EQ(graph.sessions.size(), 512u);
  EXPECT_EQ(clients.back()->error->code, Errc::overloaded);
  graph.run();
  for (const auto& c : clients) EXPECT_EQ(c->last_events, 1);
  EXPECT_EQ(graph.sessions.size(), 0u);
}

// Exactly one last event for every request, pages and sessions back to zero, whatever happens in whatever order.
TEST(faults, exactly_one_last_event_under_random_cancels_kills_and_time) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    std::mt19937_64 random(seed);
    ModelSpec spec;
    spec.sequences = 3;
    spec.queue = 5;
    Graph graph(spec, 2);
    std::vector<std::pair<RequestId, std::shared_ptr<Client>>> all;
    for (int turn = 0; turn < 120; ++turn) {
      switch (random() % 12) {
        case 0:
        case 1:
        case 2: {
          auto r = graph.request(std::string(1 + random() % 200, 'p'), 1 + random() % 40);
          if (random() % 2 == 0) r.model = "toy1";
          r.choices = 1 + random() % 3;
          r.credit_events = 1 + random() % 8;
          r.header.deadline = {graph.effects.fake_clock.now() + std::chrono::milliseconds(random() % 4000)};
          const RequestId id = r.header.id;
          all.emplace_back(id, graph.send(std::move(r)));
          break;
        }
        case 3:
          if (!all.empty()) graph.port.cancel(all[random() % all.size()].first);
          break;
        case 4:
          if (!all.empty()) graph.port.grant(all[random() % all.size()].first, random() % 10);
          break;
        case 5: graph.effects.fake_clock.advance(std::chrono::milliseconds(random() % 300)); break;
        case 6:
          if (random() % 4 == 0) graph.system.kill(graph.services[random() % 2 == 0 ? "text-0" : "text-1"]);
          break;
        case 7:
          if (random() % 4 == 0) graph.lane.throw_once = true;
          break;
        case 8: graph.worker.run_one(); break;
        case 9: graph.settle(); break;
        default: graph.step();
      }
    }
    graph.lane.throw_once = false;
    graph.effects.fake_clock.advance(600s);  // every deadline is over
    graph.run();
    for (const auto& [id, client] : all) {
      ASSERT_EQ(client->last_events, 1) << "seed " << seed << " request " << id.value;
      ASSERT_EQ(client->events_after_last, 0) << "seed " << seed;
    }
    ASSERT_EQ(graph.sessions.size(), 0u) << "seed " << seed;
    graph.effects.fake_clock.advance(60s);  // restarted services make the lane forget
    graph.run();
    ASSERT_EQ(graph.pages_in_use(0) + graph.pages_in_use(1), 0u) << "seed " << seed;
  }
}

}  // namespace
}  // namespace zenith::services
