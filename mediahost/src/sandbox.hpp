// What zenith-media takes from itself before it touches anything that came from outside.
#pragma once

#include "zenith/core/error.hpp"

namespace zenith::mediahost {

/// From now on, in every thread: no other program can be run, no process traced or entered, no namespace, module or
/// mount changed; without `network` no socket but a local one can be made. What is refused fails with EPERM.
/// @returns unsupported when the kernel has no seccomp.
Status enter_sandbox(bool network);

}  // namespace zenith::mediahost
