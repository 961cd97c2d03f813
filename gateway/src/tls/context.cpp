#include "tls/context.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/pem.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <system_error>

#include "tls/openssl.hpp"
#include "tls/openssl_session.hpp"
#include "zenith/core/log.hpp"

namespace zenith::gateway {
namespace {

constexpr off_t kFileBytes = 1 << 20;
constexpr const char* kCertKey = "server.tls_cert";
constexpr const char* kKeyKey = "server.tls_key";
/// Of TLS 1.2; those of 1.3 are all fit for use.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL:!SHA1";

tl::unexpected<Error> refuse(Errc code, const char* key, const std::string& file, std::string_view why) {
  return fail(code, fmt::format("{}: {} {}", key, file, why), key);
}

struct File {
  std::string bytes;
  mode_t mode = 0;
};

Expected<File> read_pem(const char* key, const std::string& path) {
  const auto system_reason = [] { return std::generic_category().message(errno); };
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return refuse(Errc::io, key, path, "cannot be read: " + system_reason());
  const std::unique_ptr<const int, void (*)(const int*)> closer(&fd, [](const int* f) { ::close(*f); });
  struct stat about{};
  if (::fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) return refuse(Errc::io, key, path, "is no regular file");
  if (about.st_size > kFileBytes) return refuse(Errc::bad_file, key, path, "is larger than 1 MiB: it is no PEM file");
  File file{std::string(static_cast<std::size_t>(about.st_size), '\0'), about.st_mode};
  std::size_t have = 0;
  while (have < file.bytes.size()) {
    const auto n = ::read(fd, file.bytes.data() + have, file.bytes.size() - have);
    if (n < 0) return refuse(Errc::io, key, path, "cannot be read: " + system_reason());
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  file.bytes.resize(have);
  return file;
}

openssl::Bio over(const std::string& bytes) {
  return openssl::Bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

/// Never asks at a terminal; remembers that somebody wanted to.
int no_password(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Status use_certificates(SSL_CTX* context, const std::string& path) {
  const auto file = read_pem(kCertKey, path);
  if (!file) return tl::make_unexpected(file.error());
  const auto bio = over(file->bytes);
  bool asked = false;
  const openssl::Certificate first(PEM_read_bio_X509_AUX(bio.get(), nullptr, no_password, &asked));
  if (!first) return refuse(Errc::bad_file, kCertKey, path, "holds no PEM certificate: " + openssl::take_error());
  if (SSL_CTX_use_certificate(context, first.get()) != 1)
    return refuse(Errc::bad_file, kCertKey, path, "has a certificate that cannot be used: " + openssl::take_error());
  for (int number = 2;; ++number) {
    openssl::Certificate next(PEM_read_bio_X509(bio.get(), nullptr, no_password, &asked));
    if (!next) {
      const auto why = ERR_peek_last_error();
      const bool end = ERR_GET_LIB(why) == ERR_LIB_PEM && ERR_GET_REASON(why) == PEM_R_NO_START_LINE;
      const std::string text = openssl::take_error();
      if (end) return {};
      return refuse(Errc::bad_file, kCertKey, path,
                    fmt::format("has a broken certificate number {}: {}", number, text));
    }
    if (SSL_CTX_add0_chain_cert(context, next.get()) != 1) {
      return refuse(Errc::bad_file, kCertKey, path,
                    fmt::format("has a certificate number {} that cannot be used: {}", number, openssl::take_error()));
    }
    (void)next.release();  // NOLINT(bugprone-unused-return-value): the context owns it
  }
}

Status use_key(SSL_CTX* context, const TlsFiles& files) {
  const auto file = read_pem(kKeyKey, files.key);
  if (!file) return tl::make_unexpected(file.error());
  bool asked = false;
  const openssl::PrivateKey key(PEM_read_bio_PrivateKey(over(file->bytes).get(), nullptr, no_password, &asked));
  if (!key) {
    const auto why = openssl::take_error();
    if (asked)
      return refuse(Errc::bad_file, kKeyKey, files.key,
                    "is encrypted: give a key without a password (openssl pkey -in … -out …)");
    return refuse(Errc::bad_file, kKeyKey, files.key, "holds no PEM private key: " + why);
  }
  if (X509_check_private_key(SSL_CTX_get0_certificate(context), key.get()) != 1) {
    ERR_clear_error();
    return refuse(Errc::bad_file, kKeyKey, files.key,
                  fmt::format("does not belong to the certificate in {} ({})", files.cert, kCertKey));
  }
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1)
    return refuse(Errc::bad_file, kKeyKey, files.key, "cannot be used: " + openssl::take_error());
  if ((file->mode & S_IROTH) != 0)
    log(LogLevel::warn, "gateway", "every user of this machine may read the TLS key", {{"file", files.key}});
  return {};
}

std::string text_of(const ASN1_TIME* time) {
  const openssl::Bio bio(BIO_new(BIO_s_mem()));
  if (!bio || ASN1_TIME_print(bio.get(), time) != 1) return "unknown";
  char* text = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

void warn_of_dates(const X509* certificate, const std::string& file) {
  const auto* from = X509_get0_notBefore(certificate);
  const auto* until = X509_get0_notAfter(certificate);
  if (X509_cmp_current_time(until) < 0)
    log(LogLevel::warn, "gateway", "the TLS certificate has expired: clients will refuse it",
        {{"file", file}, {"expired", text_of(until)}});
  if (X509_cmp_current_time(from) > 0)
    log(LogLevel::warn, "gateway", "the TLS certificate is not valid yet: clients will refuse it",
        {{"file", file}, {"valid_from", text_of(from)}});
}

/// Clients that offer protocols must offer ours; most offer none.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size, const unsigned char* offered,
                    unsigned int offered_size, void*) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* out = nullptr;
  if (SSL_select_next_proto(&out, chosen_size, kOurs, sizeof kOurs - 1, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = out;
  return SSL_TLSEXT_ERR_OK;
}

class OpensslContext final : public TlsContext {
 public:
  explicit OpensslContext(openssl::Context context) : context_(std::move(context)) {}
  std::unique_ptr<TlsSession> open() const override { return make_openssl_session(context_.get()); }

 private:
  openssl::Context context_;
};

}  // namespace

Expected<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsFiles& files) {
  ERR_clear_error();
  openssl::Context context(SSL_CTX_new(TLS_server_method()));
  if (!context) return fail(Errc::internal, "TLS cannot be set up: " + openssl::take_error());
  SSL_CTX_set_security_level(context.get(), 2);
  if (SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(context.get(), 0) != 1 || SSL_CTX_set_cipher_list(context.get(), kCiphers) != 1) {
    return fail(Errc::internal, "TLS cannot be set up: " + openssl::take_error());
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS);
  // No resumption: nothing to keep or to leak. And no ticket follows the handshake, which clients that read and write
  // from two threads (Python's ssl up to 3.12 under `websockets`) lose their first request to, about once in 300
  // connections.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  if (auto ok = use_certificates(context.get(), files.cert); !ok) return tl::make_unexpected(ok.error());
  if (auto ok = use_key(context.get(), files); !ok) return tl::make_unexpected(ok.error());
  warn_of_dates(SSL_CTX_get0_certificate(context.get()), files.cert);
  return std::make_shared<OpensslContext>(std::move(context));
}

}  // namespace zenith::gateway
