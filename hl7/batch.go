package hl7

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"time"

	"radagora/fault"
)

// An Item is what a Reader finds: a message, or a segment that opens or closes a batch
// or a file of batches.
type Item struct {
	Kind  string // MSH, FHS, BHS, BTS, FTS
	Bytes []byte // as they stand in the file; nobody else holds them
	At    int64  // where it begins
}

// A Reader reads messages one after the other from a file: batches (chapter 2,
// section 2.10.3), messages without any header, and what was cut out of MLLP. It
// needs as much memory as the largest message.
type Reader struct {
	// Warnings is what was odd about the file: counts in BTS-1 and FTS-1 that are not
	// those of the messages and batches, bytes outside messages.
	Warnings []Warning

	r        *bufio.Reader
	limit    int
	at       int64
	next     []byte // the line that begins the next item
	nextAt   int64
	messages int
	batches  int
	stray    int
	err      error
}

// NewReader returns a Reader of r.
func NewReader(r io.Reader, l Limits) *Reader {
	return &Reader{r: bufio.NewReaderSize(r, 64<<10), limit: l.filled().Message}
}

// Next returns the next item, and io.EOF at the end. Other errors are of kind
// Exhausted: a message is larger than the limit; or those of reading.
func (r *Reader) Next() (Item, error) {
	line, at := r.next, r.nextAt
	r.next = nil
	for line == nil {
		if r.err != nil {
			return Item{}, r.end()
		}
		l, start := r.line(r.limit)
		l, start = unframed(l, start)
		if kindOf(l) != "" {
			line, at = l, start
		} else if len(bytes.TrimSpace(l)) > 0 && (len(l) > 2 || l[0] != fs) {
			r.stray += len(l)
		}
	}
	item := Item{Kind: kindOf(line), Bytes: line, At: at}
	if err := r.gather(&item); err != nil {
		return Item{}, err
	}
	r.tally(item)
	return item, nil
}

// gather reads on to the line that begins the next item.
func (r *Reader) gather(item *Item) error {
	for r.err == nil {
		if i := bytes.IndexByte(item.Bytes, fs); i >= 0 {
			item.Bytes = item.Bytes[:i]
			return nil
		}
		l, at := r.line(r.limit - len(item.Bytes))
		l, at = unframed(l, at)
		if kindOf(l) != "" {
			r.next, r.nextAt = l, at
			return nil
		}
		item.Bytes = append(item.Bytes, l...)
		if len(item.Bytes) > r.limit {
			r.err = fault.Errorf(fault.Exhausted, "hl7: byte %d: a message of more than %d bytes", item.At, r.limit)
		}
	}
	if i := bytes.IndexByte(item.Bytes, fs); i >= 0 {
		item.Bytes = item.Bytes[:i]
	}
	if errors.Is(r.err, io.EOF) {
		return nil
	}
	return r.err
}

// line reads to the end of a line, or to a little more than most bytes.
func (r *Reader) line(most int) (out []byte, at int64) {
	at = r.at
	for len(out) <= most {
		c, err := r.r.ReadByte()
		if err != nil {
			r.err = err
			return out, at
		}
		r.at++
		out = append(out, c)
		if c == '\n' || c == '\r' {
			next, _ := r.r.Peek(1)
			if c == '\r' && len(next) == 1 && next[0] == '\n' {
				continue
			}
			return out, at
		}
	}
	return out, at
}

// unframed takes the byte order mark and the begin of a frame away.
func unframed(l []byte, at int64) ([]byte, int64) {
	for _, p := range []string{bom, "\x1C\r\x0B", "\x1C\x0B", "\x0B"} {
		if bytes.HasPrefix(l, []byte(p)) {
			return l[len(p):], at + int64(len(p))
		}
	}
	return l, at
}

// kindOf says what a line begins, "" for nothing.
func kindOf(l []byte) string {
	if len(l) < 4 || l[3] >= 0x80 {
		return ""
	}
	switch k := string(l[:3]); k {
	case "MSH", "FHS", "BHS":
		if delimits(l[3]) {
			return k
		}
	case "BTS", "FTS":
		if delimits(l[3]) || l[3] == '\r' || l[3] == '\n' {
			return k
		}
	}
	return ""
}

// tally counts, and compares with what trailers say.
func (r *Reader) tally(i Item) {
	switch i.Kind {
	case "BHS":
		r.messages = 0
		r.batches++
	case "MSH":
		r.messages++
	case "BTS":
		r.compare(i, r.messages)
		r.messages = 0
	case "FTS":
		r.compare(i, r.batches)
	}
}

func (r *Reader) compare(i Item, n int) {
	count := bytes.FieldsFunc(bytes.TrimSpace(i.Bytes[min(4, len(i.Bytes)):]), func(c rune) bool { return c == rune(i.Bytes[3]) })
	if len(count) == 0 {
		return
	}
	if said, err := strconv.Atoi(string(bytes.TrimSpace(count[0]))); err == nil && said != n && len(r.Warnings) < warnings {
		r.Warnings = append(r.Warnings, Warning{Text: i.Kind + "-1 says " + itoa(said) + "; there are " + itoa(n)})
	}
}

// end returns the error with which reading ended.
func (r *Reader) end() error {
	if r.stray > 0 {
		r.Warnings = append(r.Warnings, Warning{Text: itoa(r.stray) + " bytes stand outside messages"})
		r.stray = 0
	}
	return r.err
}

// A Writer writes messages as one batch in a file (FHS, BHS, messages, BTS, FTS).
type Writer struct {
	w io.Writer
	n int
}

// NewWriter writes the headers, with applications and control id of h.
func NewWriter(w io.Writer, h Header, now time.Time) (*Writer, error) {
	m, err := New(h, now)
	if err != nil {
		return nil, err
	}
	msh := m.Segment("MSH", 1)
	var b bytes.Buffer
	for _, name := range []string{"FHS", "BHS"} {
		b.WriteString(name + "|" + Standard().Encoding())
		for n := 3; n <= 7; n++ {
			b.WriteString("|")
			b.Write(msh.Field(n).Raw())
		}
		b.WriteString("||||")
		b.Write(msh.Field(10).Raw())
		b.WriteString("\r")
	}
	_, err = w.Write(b.Bytes())
	return &Writer{w: w}, err
}

// Write writes a message.
func (w *Writer) Write(m *Message) error {
	b := bytes.TrimPrefix(m.Bytes(), m.prefix)
	if !bytes.HasSuffix(b, []byte("\r")) && !bytes.HasSuffix(b, []byte("\n")) {
		b = append(b, '\r')
	}
	w.n++
	_, err := w.w.Write(b)
	return err
}

// Close writes the trailers. It does not close what they are written to.
func (w *Writer) Close() error {
	_, err := io.WriteString(w.w, "BTS|"+itoa(w.n)+"\rFTS|1\r")
	return err
}
