#include "zenith/tools/command_line.hpp"

int main(int argc, char** argv) { return zenith::tools::command_line(argc, argv); }
