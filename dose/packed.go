package dose

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/json"
	"io"
	"sync"

	"radagora/fault"
)

// packing1 is what packed events are told in terms of: made-up events of each
// modality. It never changes: another one is packing 2.
//
//go:embed packed/1.json
var packing1 []byte

// maxPacked is how long the text of one event may be.
const maxPacked = 16 << 20

// A packer is a writer to use again.
type packer struct {
	buf bytes.Buffer
	w   *flate.Writer
}

var packers = sync.Pool{New: func() any {
	p := &packer{}
	// The level is one of those there are: the error is for others.
	p.w, _ = flate.NewWriterDict(&p.buf, flate.DefaultCompression, packing1)
	return p
}}

// pack writes v as JSON in an eighth of the room: the number of the packing, and
// deflated text.
func pack(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	p, ok := packers.Get().(*packer)
	if !ok || p.w == nil {
		return nil, fault.Errorf(fault.Internal, "no packer")
	}
	defer packers.Put(p)
	p.buf.Reset()
	p.buf.WriteByte(1)
	p.w.Reset(&p.buf)
	if _, err := p.w.Write(text); err != nil {
		return nil, err
	}
	if err := p.w.Close(); err != nil {
		return nil, err
	}
	return bytes.Clone(p.buf.Bytes()), nil
}

// unpack reads what pack wrote into v. Of nothing, as rows of an earlier version have
// it until they are derived anew, it reads nothing. Internal: it is not that.
func unpack(packed []byte, v any) error {
	if len(packed) == 0 {
		return nil
	}
	if packed[0] != 1 {
		return fault.Errorf(fault.Internal, "an event is kept in a way this version does not know: rebuild the doses")
	}
	r := flate.NewReaderDict(bytes.NewReader(packed[1:]), packing1)
	text, err := io.ReadAll(io.LimitReader(r, maxPacked+1))
	if err != nil {
		return fault.Errorf(fault.Internal, "an event as it is kept: %w", err)
	}
	if len(text) > maxPacked {
		return fault.Errorf(fault.Internal, "an event as it is kept is longer than %d bytes", maxPacked)
	}
	return fault.As(fault.Internal, json.Unmarshal(text, v))
}
