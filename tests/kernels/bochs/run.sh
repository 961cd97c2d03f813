#!/bin/bash
# Builds a bootable image of the AVX-512 VNNI kernel's own object file and the scalar model, and boots it in Bochs as an Ice Lake.
# usage: run.sh CXX INT_DOT_AVX512_VNNI.o KERNELS_SRC WORK_FOLDER
set -euo pipefail
cxx=$1 object=$2 kernels=$3 work=$4
here=$(cd "$(dirname "$0")" && pwd)
command -v bochs >/dev/null || { echo "bochs is not installed: apt-get install bochs bochs-term" >&2; exit 1; }
rm -rf "$work"
mkdir -p "$work"
cd "$work"

"$cxx" -std=c++20 -O2 -ffreestanding -fno-pic -mno-red-zone -fno-exceptions -fno-rtti -fno-asynchronous-unwind-tables \
  -fno-tree-loop-distribute-patterns -ffp-contract=off -mfma -mf16c -mavx2 -I"$here/.." -I"$kernels" -c "$here/payload.cpp" -o payload.o
cat >payload.ld <<'L'
ENTRY(payload_main)
SECTIONS {
  . = 0x10000;
  .all : { *(.entry) *(.text*) *(.rodata*) *(.data*) *(.got*) *(.bss*) }
  /DISCARD/ : { *(.comment) *(.note*) *(.eh_frame*) }
}
L
ld -nostdlib -T payload.ld payload.o "$object" -o payload.elf 2>/dev/null
objcopy -O binary payload.elf payload.bin
chunks=$((($(stat -c %s payload.bin) + 32767) / 32768))
[ "$chunks" -le 15 ] || { echo "the payload does not fit below the stack" >&2; exit 1; }
"$cxx" -c -Wa,--defsym,PAYLOAD_CHUNKS="$chunks" "$here/boot.S" -o boot.o
ld -Ttext 0x7c00 --oformat binary boot.o -o boot.bin 2>/dev/null
cylinders=2 # of 16 heads and 63 sectors
cat boot.bin payload.bin >disk.img
truncate -s $((cylinders * 16 * 63 * 512)) disk.img

cat >bochsrc <<C
display_library: term
megs: 32
cpu: model=corei7_icelake_u, ips=200000000
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
ata0-master: type=disk, path=$work/disk.img, mode=flat, cylinders=$cylinders, heads=16, spt=63
boot: disk
sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy
com1: enabled=1, mode=file, dev=$work/result
clock: sync=none
log: $work/bochs.log
panic: action=fatal
C
# Debian's Bochs stops in its debugger first.
TERM=vt100 timeout "${BOCHS_SECONDS:-240}" bochs -q -f bochsrc >screen 2>&1 < <(printf 'c\nq\n') || true
[ -s result ] || { echo "the emulated processor said nothing" >&2; tail -20 bochs.log >&2; exit 1; }
cat result
grep -q ' cases, 0 differ from the scalar model' result || { tail -20 bochs.log; exit 1; }
