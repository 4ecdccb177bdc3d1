package dicomweb

import (
	"crypto/rand"
	"encoding/hex"
	"io"
)

// boundary returns a boundary for a multipart answer: 128 random bits, so that no
// object can hold it on purpose.
func (*Handler) boundary() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// partHead writes what stands before the body of a part. Content-Length is not a
// field of parts (RFC 2045), and the length of none is told.
func partHead(w io.Writer, boundary, media, location string) {
	text := "--" + boundary + "\r\nContent-Type: " + media + "\r\n"
	if location != "" {
		text += "Content-Location: " + location + "\r\n"
	}
	_, _ = io.WriteString(w, text+"\r\n") // the next write says so too
}

// partEnd writes what stands behind the last part.
func partEnd(w io.Writer, boundary string) { _, _ = io.WriteString(w, "--"+boundary+"--\r\n") }
