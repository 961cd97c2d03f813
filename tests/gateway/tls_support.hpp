// Certificates made on the spot, and a client that speaks TLS over a blocking socket.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

namespace zenith::gateway::test {

using Key = std::shared_ptr<EVP_PKEY>;

inline Key make_key(const char* kind = "EC") {
  EVP_PKEY* key = std::string(kind) == "RSA" ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
  return Key(key, EVP_PKEY_free);
}

/// A folder that goes away with what is in it.
class PemFolder {
 public:
  PemFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "zenith-tls-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  ~PemFolder() { std::filesystem::remove_all(folder_); }
  PemFolder(const PemFolder&) = delete;
  PemFolder& operator=(const PemFolder&) = delete;

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  std::string text(const std::string& name, const std::string& bytes) const {
    std::ofstream(path(name), std::ios::binary) << bytes;
    return path(name);
  }
  /// Self-signed, valid from `from` to `until` seconds from now.
  std::string certificate(const std::string& name, const Key& key, const char* host = "localhost", long from = -60,
                          long until = 3600) const {
    const std::unique_ptr<X509, void (*)(X509*)> made(X509_new(), X509_free);
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), from);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), until);
    X509_set_pubkey(made.get(), key.get());
    auto* subject = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(host), -1, -1, 0);
    X509_set_issuer_name(made.get(), subject);
    X509_sign(made.get(), key.get(), EVP_sha256());
    return write(name, [&](BIO* to) { PEM_write_bio_X509(to, made.get()); });
  }
  std::string private_key(const std::string& name, const Key& key, const char* password = nullptr) const {
    return write(name, [&](BIO* to) {
      PEM_write_bio_PKCS8PrivateKey(to, key.get(), password ? EVP_aes_128_cbc() : nullptr, nullptr, 0, nullptr,
                                    const_cast<char*>(password));
    });
  }

 private:
  template <class Write>
  std::string write(const std::string& name, Write how) const {
    {
      const std::unique_ptr<BIO, int (*)(BIO*)> to(BIO_new_file(path(name).c_str(), "w"), BIO_free);
      how(to.get());
    }
    std::filesystem::permissions(path(name), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    return path(name);
  }
  std::filesystem::path folder_;
};

class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port) : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free) {
    SSL_CTX_set_security_level(context_.get(), 0);  // the server's strictness is what is tested
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    const timeval limit{10, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0;
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), fd_);
  }
  ~TlsClient() {
    ssl_.reset();
    ::close(fd_);
  }
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  SSL* ssl() { return ssl_.get(); }
  int fd() const { return fd_; }
  bool handshake() {
    ERR_clear_error();
    return connected_ && SSL_connect(ssl_.get()) == 1;
  }
  bool send(std::string_view bytes) {
    return SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())) == static_cast<int>(bytes.size());
  }
  /// Until the text is there, the server ends the connection, or nothing comes for 10 s.
  bool read_until(std::string_view until) {
    while (text_.find(until) == std::string::npos) {
      if (!read_some()) return false;
    }
    return true;
  }
  void read_to_end() {
    while (read_some()) {
    }
  }
  /// Whether the server has said in TLS's words that it is done: what came cannot have been cut off.
  bool closed_properly() const { return closed_properly_; }
  std::string& text() { return text_; }
  std::string peer_name() {
    const std::unique_ptr<X509, void (*)(X509*)> peer(SSL_get1_peer_certificate(ssl_.get()), X509_free);
    char name[256] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer.get()), NID_commonName, name, sizeof name);
    return name;
  }

 private:
  bool read_some() {
    char block[16384];
    const int n = SSL_read(ssl_.get(), block, sizeof block);
    if (n > 0) text_.append(block, static_cast<std::size_t>(n));
    closed_properly_ = n <= 0 && SSL_get_error(ssl_.get(), n) == SSL_ERROR_ZERO_RETURN;
    return n > 0;
  }
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context_;
  std::unique_ptr<SSL, void (*)(SSL*)> ssl_{nullptr, SSL_free};
  int fd_ = -1;
  bool connected_ = false, closed_properly_ = false;
  std::string text_;
};

}  // namespace zenith::gateway::test
