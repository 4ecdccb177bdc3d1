package dicomweb

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"

	"radagora/fault"
)

// Bounds of what stands before the body of a part.
const (
	maxPartHead = 16 << 10 // bytes
	readAhead   = 256 << 10
)

// A partReader reads a multipart body (RFC 2046 5.1) part by part, as it arrives. It
// takes what is common beside the letter of it: a preamble, lines that end in LF
// alone, no line end behind the last boundary. What ends without a last boundary has
// been cut off.
type partReader struct {
	b     *bufio.Reader
	delim []byte // line end, two hyphens, boundary
	begun bool
	ended bool
	part  *incoming // the one being read
}

// An incoming is a part of a request.
type incoming struct {
	kind     media  // Content-Type, text/plain if there is none
	typed    bool   // it had one
	location string // Content-Location
	p        *partReader
	safe     int  // bytes in front that hold no boundary
	done     bool // the boundary behind it was seen
	err      error
}

// ahead holds readers with their buffers.
var ahead = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, readAhead) }}

// newPartReader reads parts from r. close must be called.
func newPartReader(r io.Reader, boundary string) *partReader {
	b, _ := ahead.Get().(*bufio.Reader)
	b.Reset(r)
	return &partReader{b: b, delim: []byte("\r\n--" + boundary)}
}

func (p *partReader) close() {
	p.b.Reset(nil)
	ahead.Put(p.b)
}

// malformed is what does not follow RFC 2046.
func malformed(what string) error {
	return fault.Errorf(fault.Invalid, "the multipart body %s (RFC 2046 5.1)", what)
}

// cutOff is a body that ended before its last boundary.
func cutOff() error {
	return fault.As(fault.Invalid, errors.Join(malformed("ends in the middle: its last boundary never came"), io.ErrUnexpectedEOF))
}

// next returns the next part, io.EOF behind the last one. What is left of the part
// before is passed over.
func (p *partReader) next() (*incoming, error) {
	switch {
	case p.ended:
		return nil, io.EOF
	case !p.begun:
		if err := p.first(); err != nil {
			return nil, err
		}
	case p.part != nil:
		if _, err := io.Copy(io.Discard, p.part); err != nil {
			return nil, err
		}
		if _, err := p.b.Discard(len(p.delim)); err != nil {
			return nil, err
		}
	}
	p.part = nil
	if err := p.line(); err != nil {
		return nil, err
	}
	if p.ended {
		return nil, io.EOF
	}
	part := &incoming{p: p, kind: media{kind: "text", sub: "plain", params: map[string]string{}}}
	if err := part.head(); err != nil {
		return nil, err
	}
	p.part = part
	return part, nil
}

// first passes over the preamble and the first boundary.
func (p *partReader) first() error {
	p.begun = true
	bare := p.delim[2:]
	if head, err := p.b.Peek(len(bare)); err == nil && bytes.Equal(head, bare) && p.ends(len(bare)) {
		_, err := p.b.Discard(len(bare))
		return err
	}
	preamble := &incoming{p: p}
	if _, err := io.Copy(io.Discard, preamble); err != nil {
		if fault.Of(err) == fault.Invalid {
			return malformed("has no part: its boundary does not occur")
		}
		return err
	}
	_, err := p.b.Discard(len(p.delim))
	return err
}

// ends reports whether a boundary of n bytes that stands in front is one: what comes
// behind it is white space, the end of the line or two hyphens.
func (p *partReader) ends(n int) bool {
	head, _ := p.b.Peek(n + 2)
	switch rest := head[n:]; {
	case len(rest) == 0:
		return true // and then the end
	case rest[0] == '-':
		return len(rest) == 2 && rest[1] == '-'
	default:
		return strings.IndexByte(" \t\r\n", rest[0]) >= 0
	}
}

// line reads what stands behind a boundary.
func (p *partReader) line() error {
	if head, _ := p.b.Peek(2); string(head) == "--" {
		p.ended = true
		return nil
	}
	line, err := p.b.ReadSlice('\n')
	switch {
	case err != nil:
		return readError(err)
	case len(bytes.TrimRight(line, " \t\r\n")) > 0:
		return malformed("has something behind a boundary")
	case !bytes.HasSuffix(line, []byte("\r\n")) && p.delim[0] == '\r':
		p.delim = p.delim[1:] // lines end in LF alone
	}
	return nil
}

// readError returns the error for a body that ended or failed.
func readError(err error) error {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return cutOff()
	case errors.Is(err, bufio.ErrBufferFull):
		return malformed("has a line that is too long")
	}
	return err
}

// head reads the fields before the body.
func (i *incoming) head() error {
	b := i.p.b
	for left := maxPartHead; ; {
		line, err := b.ReadSlice('\n')
		if err != nil {
			return readError(err)
		}
		if left -= len(line); left < 0 {
			return malformed("has a part with a header of more than 16 KB")
		}
		text := strings.TrimRight(string(line), "\r\n")
		if text == "" {
			return nil
		}
		name, value, ok := strings.Cut(text, ":")
		if !ok {
			continue // a folded line of a field that nobody needs
		}
		value = strings.TrimSpace(value)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "content-type":
			if m, ok := parseMedia(value); ok {
				i.kind, i.typed = m, true
			}
		case "content-location":
			i.location = value
		case "content-transfer-encoding":
			if e := strings.ToLower(value); e != "binary" && e != "8bit" && e != "7bit" {
				return fault.Errorf(fault.Unsupported, "Content-Transfer-Encoding of a part is binary or absent (PS3.18 8.6.1.2)")
			}
		}
	}
}

// Read implements io.Reader. A body that ends before its boundary is an error of kind
// Invalid that is io.ErrUnexpectedEOF.
func (i *incoming) Read(b []byte) (int, error) {
	for {
		switch {
		case i.err != nil:
			return 0, i.err
		case i.done:
			return 0, io.EOF
		case len(b) == 0:
			return 0, nil
		case i.safe > 0:
			n, err := i.p.b.Read(b[:min(len(b), i.safe)])
			i.safe -= n
			return n, err
		}
		i.look()
	}
}

// look finds out how much of what has arrived belongs to the part.
func (i *incoming) look() {
	b, delim := i.p.b, i.p.delim
	if b.Buffered() < len(delim)+2 {
		if _, err := b.Peek(len(delim) + 2); err != nil && !errors.Is(err, io.EOF) {
			i.err = readError(err)
			return
		}
	}
	window, _ := b.Peek(b.Buffered())
	switch at := bytes.Index(window, delim); {
	case at > 0:
		i.safe = at
	case at == 0 && i.p.ends(len(delim)):
		i.done = true
	case at == 0: // something that only begins like the boundary
		i.safe = len(delim)
	case len(window) >= len(delim)+2:
		i.safe = len(window) - len(delim) + 1
	default: // the end is near and there is no boundary
		i.err = cutOff()
	}
}
