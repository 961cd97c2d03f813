// The executable's command line, apart from main() so that tests can call it.
#pragma once

namespace zenith::tools {

/// Parses and runs one verb. @returns the exit status: 0 ok, 1 failed, 2 wrong usage. Does not throw.
int command_line(int argc, char** argv);

}  // namespace zenith::tools
