#include "zenith/core/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>

namespace zenith {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Config_ : public testing::Test {
 protected:
  ~Config_() override { std::filesystem::remove(file_); }

  Expected<Config> load(const std::string& toml, const std::map<std::string, std::string>& environment = {}) {
    std::ofstream{file_} << toml;
    return load_config(file_, [&](const std::string& name) -> std::optional<std::string> {
      const auto found = environment.find(name);
      return found == environment.end() ? std::nullopt : std::optional{found->second};
    });
  }

  const std::filesystem::path file_ =
      std::filesystem::temp_directory_path() / ("zenith-config-test-" + std::to_string(getpid()) + ".toml");
};

TEST_F(Config_, defaults_without_file_and_environment) {
  const auto config = load_config(std::nullopt, [](const std::string&) { return std::nullopt; });
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.listen, "127.0.0.1:8080");
  EXPECT_TRUE(config->services.empty());
}

TEST_F(Config_, the_environment_wins_over_the_file) {
  const auto config =
      load("[server]\nlisten = \"127.0.0.1:1\"\ndrain_s = 5\n",
           {{"ZENITH_SERVER_LISTEN", "127.0.0.1:2"}, {"ZENITH_SERVER_CORS_ORIGINS", "http://a, http://b"}});
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->server.listen, "127.0.0.1:2");
  EXPECT_EQ(config->server.drain_s, 5u);
  EXPECT_THAT(config->server.cors_origins, testing::ElementsAre("http://a", "http://b"));
}

TEST_F(Config_, what_is_printed_reads_back_to_the_same) {
  const auto config = load(
      "[server]\nlisten = \"[::1]:80\"\nexposed = true\nkeys_file = \"a \\\"b\\\"\\\\\\u0001\"\n"
      "[models]\nbudget_bytes = 1000000000000\n"
      "[[service]]\nrole = \"gateway\"\n[[service]]\nrole = \"text\"\nid = \"t\"\nmodel = [\"a\", \"b\"]\ncontext = "
      "1024\n"
      "[[service]]\nrole = \"text\"\nmodel = \"c\"\nnumerics = \"exact\"\n"
      "[[service]]\nrole = \"sensor\"\nplugin = \"ffmpeg_camera\"\ninstance = \"yard\"\n[lanes]\nmedia_nice = 15\n"
      "[log]\nlevel = \"warn\"\n[trace]\nendpoint = \"http://127.0.0.1:4318/v1/traces\"\n[aliases]\n\"gpt-4o\" = "
      "\"a\"\n");
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->services.at(0).id, "gateway-1");
  EXPECT_THAT(config->services.at(1).models, testing::ElementsAre("a", "b"));
  const std::string printed = to_toml(*config);
  const auto again = load(printed);
  ASSERT_TRUE(again) << again.error().message << "\n" << printed;
  EXPECT_EQ(to_toml(*again), printed);
  EXPECT_EQ(again->server.keys_file, config->server.keys_file);
  EXPECT_EQ(again->aliases, config->aliases);
  EXPECT_EQ(again->services.at(2).models, config->services.at(2).models);
  EXPECT_EQ(again->services.at(3).instance, "yard");
  EXPECT_EQ(again->lanes.media_nice, 15U);
}

struct Bad {
  const char* name;
  const char* toml;
  const char* line;  // ":N: "
  const char* says;
};

class RefusedConfig : public Config_, public testing::WithParamInterface<Bad> {};

TEST_P(RefusedConfig, names_line_and_key) {
  const auto config = load(GetParam().toml);
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, AllOf(HasSubstr(file_.string() + GetParam().line), HasSubstr(GetParam().says)));
}

INSTANTIATE_TEST_SUITE_P(
    config, RefusedConfig,
    testing::Values(Bad{"unknown_key", "[server]\n\nlissen = \"x\"\n",
                        ":3: ", "server.lissen is no known key; the nearest is server.listen"},
                    Bad{"unknown_section", "[sever]\n", ":1: ", "the nearest is server"},
                    Bad{"unknown_service_key", "[[service]]\nrole = \"text\"\nmodels = \"x\"\n",
                        ":3: ", "the nearest is service.model"},
                    Bad{"wrong_type", "[server]\nlisten = 80\n", ":2: ", "server.listen must be a string"},
                    Bad{"number_as_text", "[server]\ndrain_s = \"5\"\n",
                        ":2: ", "server.drain_s must be a whole number"},
                    Bad{"negative", "[server]\ndrain_s = -1\n", ":2: ", "must not be negative"},
                    Bad{"too_large", "[server]\ndrain_s = 99999999\n", ":2: ", "from 0 to 3600"},
                    Bad{"no_port", "[server]\nlisten = \"localhost\"\n", ":2: ", "host:port"},
                    Bad{"port_too_large", "[server]\nlisten = \"localhost:70000\"\n", ":2: ", "host:port"},
                    Bad{"later_role", "[[service]]\nrole = \"expert\"\n", ":2: ", "does not have that role yet"},
                    Bad{"unknown_role", "[[service]]\nrole = \"x\"\n", ":2: ", "one of gateway, router, text"},
                    Bad{"role_missing", "[[service]]\nid = \"x\"\n", ":1: ", "service.role is missing"},
                    Bad{"level", "[log]\nlevel = \"loud\"\n", ":2: ", "debug, info, warn, error, off"},
                    Bad{"no_niceness", "[lanes]\nmedia_nice = 20\n", ":2: ", "from 0 to 19"},
                    Bad{"no_instance", "[[service]]\nrole = \"sensor\"\ninstance = \"Yard.1\"\n",
                        ":3: ", "service.instance is 'Yard.1': it must be at most 32 of a-z"},
                    Bad{"service_not_a_list", "[service]\nrole = \"text\"\n", ":1: ", "[[service]]"},
                    Bad{"syntax", "[server]\nlisten = \n", ":2: ", ""},
                    Bad{"alias_is_no_name", "[aliases]\nx = 1\n", ":2: ", "aliases.x must be the name of a model"}),
    [](const auto& i) { return std::string{i.param.name}; });

TEST_F(Config_, a_wrong_environment_value_names_the_variable) {
  const auto config = load("", {{"ZENITH_LANES_COMPUTE", "many"}});
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error().message, HasSubstr("environment ZENITH_LANES_COMPUTE: lanes.compute is 'many'"));
}

TEST_F(Config_, ids_are_unique) {
  const auto config = load("[[service]]\nrole = \"text\"\nid = \"a\"\n[[service]]\nrole = \"router\"\nid = \"a\"\n");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().param, "service.id");
}

TEST_F(Config_, tls_needs_both_files) {
  for (const auto* key : {"tls_cert", "tls_key"}) {
    const auto config = load(std::string("[server]\n") + key + " = \"x.pem\"\n");
    ASSERT_FALSE(config);
    EXPECT_EQ(config.error().param, std::string(key) == "tls_cert" ? "server.tls_key" : "server.tls_cert");
    EXPECT_THAT(config.error().message, HasSubstr("TLS needs both"));
  }
  const auto both = load("[server]\ntls_cert = \"a\"\n", {{"ZENITH_SERVER_TLS_KEY", "b"}});
  ASSERT_TRUE(both) << both.error().message;
  EXPECT_EQ(both->server.tls_key, "b");
}

TEST_F(Config_, a_missing_file_is_named) {
  const auto config = load_config("/nowhere/zenith.toml", [](const std::string&) { return std::nullopt; });
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, Errc::not_found);
  EXPECT_THAT(config.error().message, HasSubstr("/nowhere/zenith.toml"));
}

}  // namespace
}  // namespace zenith
