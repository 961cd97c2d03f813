#include "verb.hpp"
namespace zenith::tools {
Action add_serve(CLI::App&) { return [](const Context&) -> Status { return fail(Errc::unsupported, "wip"); }; }
}
