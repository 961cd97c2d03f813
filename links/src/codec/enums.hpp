// Enums of messages/ and of the schemas have the same numbers, checked here name by name.
#pragma once

#include "schema/answer_generated.h"
#include "schema/membership_generated.h"
#include "schema/request_generated.h"
#include "schema/sensor_generated.h"
#include "zenith/core/error.hpp"
#include "zenith/messages/directory.hpp"
#include "zenith/messages/reply.hpp"
#include "zenith/messages/request.hpp"
#include "zenith/messages/sensor.hpp"
#include "zenith/messages/vision.hpp"

namespace zenith::links {

/// The schema's twin of an enum.
template <class E>
struct Twin;

template <class E>
constexpr typename Twin<E>::type to_fb(E value) noexcept {
  return static_cast<typename Twin<E>::type>(value);
}

#define ZENITH_SAME(E, name) static_assert(static_cast<int>(E::name) == static_cast<int>(Twin<E>::type::name))

template <>
struct Twin<Errc> {
  using type = fb::Errc;
};
ZENITH_SAME(Errc, invalid_argument);
ZENITH_SAME(Errc, unsupported);
ZENITH_SAME(Errc, context_overflow);
ZENITH_SAME(Errc, unauthorized);
ZENITH_SAME(Errc, not_found);
ZENITH_SAME(Errc, payload_too_large);
ZENITH_SAME(Errc, rate_limited);
ZENITH_SAME(Errc, overloaded);
ZENITH_SAME(Errc, loading);
ZENITH_SAME(Errc, unavailable);
ZENITH_SAME(Errc, draining);
ZENITH_SAME(Errc, deadline);
ZENITH_SAME(Errc, cancelled);
ZENITH_SAME(Errc, bad_file);
ZENITH_SAME(Errc, bad_frame);
ZENITH_SAME(Errc, out_of_memory);
ZENITH_SAME(Errc, io);
ZENITH_SAME(Errc, internal);

template <>
struct Twin<messages::FinishReason> {
  using type = fb::FinishReason;
};
ZENITH_SAME(messages::FinishReason, stop);
ZENITH_SAME(messages::FinishReason, length);

template <>
struct Twin<messages::AudioFormat> {
  using type = fb::AudioFormat;
};
ZENITH_SAME(messages::AudioFormat, samples);
ZENITH_SAME(messages::AudioFormat, mp3);
ZENITH_SAME(messages::AudioFormat, opus);
ZENITH_SAME(messages::AudioFormat, flac);
ZENITH_SAME(messages::AudioFormat, aac);

template <>
struct Twin<messages::Role> {
  using type = fb::Role;
};
ZENITH_SAME(messages::Role, gateway);
ZENITH_SAME(messages::Role, router);
ZENITH_SAME(messages::Role, text);
ZENITH_SAME(messages::Role, expert);
ZENITH_SAME(messages::Role, vision);
ZENITH_SAME(messages::Role, voice);
ZENITH_SAME(messages::Role, sensor);

template <>
struct Twin<messages::Health> {
  using type = fb::Health;
};
ZENITH_SAME(messages::Health, loading);
ZENITH_SAME(messages::Health, ready);
ZENITH_SAME(messages::Health, draining);
ZENITH_SAME(messages::Health, failed);

template <>
struct Twin<messages::ModelKind> {
  using type = fb::ModelKind;
};
ZENITH_SAME(messages::ModelKind, generate);
ZENITH_SAME(messages::ModelKind, embed);
ZENITH_SAME(messages::ModelKind, speech);
ZENITH_SAME(messages::ModelKind, transcription);
ZENITH_SAME(messages::ModelKind, vision);

template <>
struct Twin<messages::ReadMode> {
  using type = fb::ReadMode;
};
ZENITH_SAME(messages::ReadMode, text);
ZENITH_SAME(messages::ReadMode, ui);

template <>
struct Twin<messages::ElementRole> {
  using type = fb::ElementRole;
};
ZENITH_SAME(messages::ElementRole, box);
ZENITH_SAME(messages::ElementRole, text);
ZENITH_SAME(messages::ElementRole, link);
ZENITH_SAME(messages::ElementRole, button);
ZENITH_SAME(messages::ElementRole, field);
ZENITH_SAME(messages::ElementRole, image);
ZENITH_SAME(messages::ModelKind, sensor);

template <>
struct Twin<messages::SampleType> {
  using type = fb::SampleType;
};
ZENITH_SAME(messages::SampleType, u8);
ZENITH_SAME(messages::SampleType, i8);
ZENITH_SAME(messages::SampleType, u16);
ZENITH_SAME(messages::SampleType, i16);
ZENITH_SAME(messages::SampleType, u32);
ZENITH_SAME(messages::SampleType, i32);
ZENITH_SAME(messages::SampleType, u64);
ZENITH_SAME(messages::SampleType, i64);
ZENITH_SAME(messages::SampleType, f32);
ZENITH_SAME(messages::SampleType, f64);

template <>
struct Twin<messages::BackPressure> {
  using type = fb::BackPressure;
};
ZENITH_SAME(messages::BackPressure, drop_oldest);
ZENITH_SAME(messages::BackPressure, latest);

#undef ZENITH_SAME

}  // namespace zenith::links
