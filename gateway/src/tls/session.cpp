#include "tls/session.hpp"

#include <limits>

#include "tls/openssl.hpp"
#include "tls/openssl_session.hpp"

namespace zenith::gateway {
namespace {

class OpensslSession final : public TlsSession {
 public:
  explicit OpensslSession(SSL_CTX* context)
      : ssl_(SSL_new(context)), in_(BIO_new(BIO_s_mem())), out_(BIO_new(BIO_s_mem())) {
    if (!ssl_ || in_ == nullptr || out_ == nullptr) {
      BIO_free(in_);
      BIO_free(out_);
      in_ = out_ = nullptr;
      ssl_.reset();
      return;
    }
    BIO_set_mem_eof_return(in_, -1);
    SSL_set_bio(ssl_.get(), in_, out_);  // owns both from here on
    SSL_set_accept_state(ssl_.get());
  }

  Result handshake() override {
    if (!ssl_) return out_of_memory();
    ERR_clear_error();
    return result_of(SSL_do_handshake(ssl_.get()));
  }

  Result read(std::span<char> room, std::size_t& taken) override {
    taken = 0;
    if (failed_) return Result::failed;
    ERR_clear_error();
    return result_of(SSL_read_ex(ssl_.get(), room.data(), room.size(), &taken));
  }

  Result write(std::span<const char> bytes) override {
    if (failed_) return Result::failed;
    ERR_clear_error();
    std::size_t written = 0;
    const Result result = result_of(SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &written));
    if (result == Result::done && written == bytes.size()) return Result::done;
    // Memory takes everything, and nothing may ask for a handshake in between: whatever this is, it is the end.
    return fail(result == Result::failed ? reason_ : "a write was not taken");
  }

  void finish() override {
    if (failed_ || !ssl_ || !SSL_is_init_finished(ssl_.get())) return;
    ERR_clear_error();
    SSL_shutdown(ssl_.get());
    ERR_clear_error();
  }

  void put(std::span<const char> from_network) override {
    if (in_ == nullptr || from_network.size() > std::numeric_limits<int>::max()) return;
    BIO_write(in_, from_network.data(), static_cast<int>(from_network.size()));
  }

  std::string output() override {
    std::string bytes(output_bytes(), '\0');
    if (!bytes.empty()) BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
    return bytes;
  }

  std::size_t output_bytes() const override { return out_ == nullptr ? 0 : BIO_ctrl_pending(out_); }
  const std::string& reason() const noexcept override { return reason_; }

 private:
  Result result_of(int returned) {
    if (returned > 0) return Result::done;
    switch (SSL_get_error(ssl_.get(), returned)) {
      case SSL_ERROR_WANT_READ: return Result::wants_input;
      case SSL_ERROR_ZERO_RETURN: return Result::ended;
      default: return fail(openssl::take_error());
    }
  }
  Result fail(std::string why) {
    failed_ = true;
    reason_ = std::move(why);
    return Result::failed;
  }
  Result out_of_memory() { return fail("out of memory"); }

  openssl::Session ssl_;
  BIO *in_, *out_;
  bool failed_ = false;
  std::string reason_;
};

}  // namespace

std::unique_ptr<TlsSession> make_openssl_session(SSL_CTX* context) { return std::make_unique<OpensslSession>(context); }

}  // namespace zenith::gateway
