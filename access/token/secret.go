package token

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash/crc32"
	"io"
	"math/big"
	"strings"

	"radagora/fault"
)

// What tokens begin with, so that people and scanners of source code know them.
const (
	prefixAPI    = "rad_"
	prefixBearer = "rat_"
	prefixCode   = "rac_"
	prefixPass   = "rap_"
	prefixFresh  = "raf_" // refreshes
	prefixLaunch = "ral_"
	prefixSecret = "ras_" // of an app
)

// Lengths of the parts of a token, in digits to the base 62.
const (
	randomBytes = 32
	randomLen   = 43
	checkLen    = 6
	secretLen   = len(prefixAPI) + randomLen + checkLen
)

// newSecret returns a token: prefix, 256 bits of randomness and a checksum, by which
// a slip of the hand is told from a forgery without asking the database.
func newSecret(prefix string, random io.Reader) (string, error) {
	var b [randomBytes]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fault.Errorf(fault.Unavailable, "no randomness for a token: %w", err)
	}
	body := prefix + digits(new(big.Int).SetBytes(b[:]), randomLen)
	return body + check(body), nil
}

// check returns the checksum of a token's beginning.
func check(body string) string {
	return digits(new(big.Int).SetUint64(uint64(crc32.ChecksumIEEE([]byte(body)))), checkLen)
}

// digits writes n to the base 62.
func digits(n *big.Int, length int) string {
	text := n.Text(62)
	return strings.Repeat("0", length-len(text)) + text
}

// wellFormed reports whether s can be a token with this prefix.
func wellFormed(prefix, s string) bool {
	if len(s) != secretLen || !strings.HasPrefix(s, prefix) {
		return false
	}
	body := s[:secretLen-checkLen]
	return check(body) == s[secretLen-checkLen:]
}

// hash is what is kept of a token. It holds 256 bits of randomness, so that a fast
// hash serves; looking it up by its hash tells nothing of others by its timing.
func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// hint returns the letters by which people know a token again.
func hint(secret string) string { return secret[:len(prefixAPI)+4] }

// decode reads a part of a signed token.
func decode(part string) ([]byte, error) {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "not a signed token")
	}
	return b, nil
}
