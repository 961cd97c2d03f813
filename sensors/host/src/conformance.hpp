// Whether a plugin keeps the rules of zenith_sensor.h: `zenith sensors test`.
#pragma once

#include <filesystem>
#include <string>

#include "zenith/services/sensor/child_board.hpp"

namespace zenith::sensorhost {

struct ConformanceOptions {
  std::filesystem::path plugin;
  std::string options;
  std::chrono::milliseconds read_for{2000};
};

/// Runs the plugin through its life, twice, and prints a JSON object a check as it goes: {"check","ok","detail"}. A
/// crash ends the process: who started it reads the board. @returns all were good.
bool test_plugin(const ConformanceOptions& options, services::ChildBoard& board);

}  // namespace zenith::sensorhost
