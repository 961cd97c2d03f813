// Tensors of a file as the objects that graphs are made of, each checked against the shape that the graph expects.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "weights/packed_tensors.hpp"
#include "zenith/kernels/linear.hpp"
#include "zenith/models/engine/model.hpp"
#include "zenith/models/weights/weight_source.hpp"

namespace zenith::models {

/// The first error sticks: later calls give empty objects, and status() tells it. So a graph is loaded without a check
/// on each line.
class TensorLoader {
 public:
  TensorLoader(const WeightSource& source, const LoadOptions& options);

  bool has(std::string_view name) const noexcept { return source_.find(name) != nullptr; }

  /// A matrix [n_out, n_in], with a bias [n_out] when `bias` names one.
  std::optional<kernels::Linear> linear(const std::string& name, std::size_t n_out, std::size_t n_in,
                                        const std::string& bias = {});
  /// Rows [first, first + n_out) of a matrix [rows, n_in]: several projections in one tensor.
  std::optional<kernels::Linear> linear_slice(const std::string& name, std::size_t rows, std::size_t n_in,
                                              std::size_t first, std::size_t n_out, const std::string& bias = {});
  std::vector<float> vector(const std::string& name, std::size_t count);
  /// A table [rows, cols] that stays in the file. nullptr after an error.
  const TensorView* table(const std::string& name, std::size_t rows, std::size_t cols);

  void ignore(const std::string& name) { used_.insert(name); }  ///< is there and not needed
  void refuse(Error error);                                     ///< keeps it when it is the first

  /// The first error, or unsupported naming a tensor that no call has used: a graph that leaves weights out would
  /// answer wrongly.
  Status status(std::string_view architecture) const;
  std::uint64_t resident_bytes() const noexcept { return resident_bytes_; }  ///< packed copies and borrowed tensors
  std::uint64_t parameters() const noexcept { return parameters_; }          ///< elements of the tensors used

 private:
  const TensorView* find(const std::string& name, std::span<const std::uint64_t> shape);

  std::optional<kernels::Linear> refuse_linear(const std::string& name, Error error);

  const WeightSource& source_;
  std::optional<Error> error_;
  std::set<std::string, std::less<>> used_;
  PackedTensors own_;  // used where the caller has none
  PackedTensors& packed_;
  bool exact_;  // rows are wanted as floats: they are read from the file, so it stays in memory
  std::uint64_t resident_bytes_ = 0, parameters_ = 0;
};

}  // namespace zenith::models
