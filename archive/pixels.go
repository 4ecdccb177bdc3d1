package archive

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"

	"radagora/dicom/uid"
)

// A pixels reader gives the elements of group 7FE0 as they stand, and reads what
// follows to its end without giving it: digital signatures and private groups
// behind the pixels.
type pixels struct {
	r        *bufio.Reader
	order    binary.ByteOrder
	implicit bool

	out      []byte // of heads, to be given next
	left     int64  // of the value or fragment that is being given
	inside   bool   // between the fragments of an element of undefined length
	finished error
}

func newPixels(r io.Reader, syntax uid.UID) *pixels {
	s, _ := uid.SyntaxOf(syntax)
	p := &pixels{r: bufio.NewReaderSize(r, 64<<10), order: binary.LittleEndian, implicit: s.Implicit}
	if s.BigEndian {
		p.order = binary.BigEndian
	}
	return p
}

// Read implements io.Reader. An error of the source comes through.
func (p *pixels) Read(b []byte) (int, error) {
	for {
		switch {
		case len(p.out) > 0:
			n := copy(b, p.out)
			p.out = p.out[n:]
			return n, nil
		case p.left > 0:
			n, err := p.r.Read(b[:min(int64(len(b)), p.left)])
			p.left -= int64(n)
			if err != nil && p.finished == nil {
				p.left, p.finished = 0, err // the end came too early: whoever reads on will see
			}
			if n > 0 || len(b) == 0 {
				return n, nil
			}
		case p.finished != nil:
			return 0, p.finished
		default:
			p.finished = p.next()
		}
	}
}

// next reads the next head.
func (p *pixels) next() error {
	head, err := p.r.Peek(8)
	if err != nil {
		p.out = append([]byte(nil), head...) // a piece of a head: not for us to judge
		if len(head) > 0 {
			_, _ = p.r.Discard(len(head))
		}
		if len(head) > 0 && errors.Is(err, io.EOF) {
			return io.EOF
		}
		return err
	}
	group, element := p.order.Uint16(head), p.order.Uint16(head[2:])
	switch {
	case p.inside && group == 0xFFFE:
		p.take(8)
		length := p.order.Uint32(p.out[4:])
		if element == 0xE0DD {
			p.inside = false
			return nil
		}
		p.left = int64(length)
		return nil
	case !p.inside && group == pixelGroup:
		return p.element(head)
	}
	_, err = io.Copy(io.Discard, p.r)
	if err == nil {
		err = io.EOF
	}
	return err
}

// take moves n bytes to what is given next.
func (p *pixels) take(n int) {
	p.out = make([]byte, n)
	_, _ = io.ReadFull(p.r, p.out) // they were peeked
}

// element takes the head of an element.
func (p *pixels) element(head []byte) error {
	n, at := 8, 4
	if !p.implicit {
		switch string(head[4:6]) {
		case "OB", "OW", "OF", "OD", "OL", "OV", "UN", "SQ", "UV", "SV", "UC", "UR", "UT":
			n, at = 12, 8
		}
	}
	if _, err := p.r.Peek(n); err != nil {
		p.take(8)
		return err
	}
	p.take(n)
	length := int64(0)
	if !p.implicit && n == 8 {
		length = int64(p.order.Uint16(p.out[6:]))
	} else {
		length = int64(p.order.Uint32(p.out[at:]))
	}
	if length == 0xFFFFFFFF {
		p.inside = true
		return nil
	}
	p.left = length
	return nil
}
