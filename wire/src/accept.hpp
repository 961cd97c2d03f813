// What a listener does when the process has no descriptor left.
#pragma once

namespace zenith::wire {

/// Holds one descriptor back. libzmq 4.3.4 ends its process when an ipc listener's accept finds none left (EMFILE,
/// src/ipc_listener.cpp:325), tries again at once and for ever over TCP, and cannot stop listening without ending the
/// connections that are there. So its accept4 is ours: with the descriptor held back, whoever waits is taken and let go
/// at once, and libzmq hears what it bears (ENFILE). Peers dial again, ever more slowly.
void hold_descriptor_back();

}  // namespace zenith::wire
