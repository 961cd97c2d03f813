// Work that is cheaper once for many messages.
#pragma once

#include <functional>

namespace zenith::actors {

/// Does `work` when the actor on this thread has handled the messages that it has now, at most 64 of them; at once on a
/// thread that runs no actor. What is still to be done for `who` is not done twice. `work` must not throw. It may run
/// after the actor's end, and after System::stop().
void after_turn(const void* who, std::function<void()> work);

}  // namespace zenith::actors
