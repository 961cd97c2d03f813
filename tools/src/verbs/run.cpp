#include "verb.hpp"
namespace zenith::tools {
Action add_run(CLI::App&) { return [](const Context&) -> Status { return fail(Errc::unsupported, "wip"); }; }
}
