package dicomweb

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"container/list"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// A part is a block on its way out: what its relative addresses are relative to.
type part struct {
	gzip   []byte
	prefix string
}

// joined writes blocks as one array.
func joined(w io.Writer, parts []part) error {
	out := bufio.NewWriterSize(w, 32<<10)
	sep := byte('[')
	for _, p := range parts {
		z, err := gzip.NewReader(bytes.NewReader(p.gzip))
		if err != nil {
			return err
		}
		_ = out.WriteByte(sep)
		if err := p.copy(out, z); err != nil {
			return err
		}
		sep = ','
	}
	_ = out.WriteByte(']')
	return out.Flush()
}

// mark is what stands before an address. It cannot be part of a value: inside one
// every quotation mark has a backslash before it.
var mark = []byte(`"BulkDataURI":"`)

// copy writes what stands between the brackets of the array that r holds, with
// absolute addresses of bulk data.
func (p part) copy(w *bufio.Writer, r io.Reader) error {
	in := bufio.NewReaderSize(r, 64<<10)
	if b, err := in.ReadByte(); err != nil || b != '[' {
		return errors.Join(err, errors.New("a block of metadata is no array"))
	}
	for {
		window, last, err := upcoming(in)
		if err != nil {
			return err
		}
		n := len(window) - len(mark) // what may hold the beginning of a mark stays for the next look
		if last {
			n = len(window) - 1 // the closing bracket
			if n < 0 || window[n] != ']' {
				return errors.New("a block of metadata has no end")
			}
		}
		i := bytes.Index(window, mark)
		if i >= 0 {
			n = i + len(mark)
		}
		if _, err := w.Write(window[:max(n, 0)]); err != nil {
			return err
		}
		if _, err := in.Discard(max(n, 0)); err != nil {
			return err
		}
		switch {
		case i >= 0:
			_, _ = w.WriteString(p.prefix)
		case last:
			return nil
		}
	}
}

// upcoming returns what comes next, and whether that is all.
func upcoming(in *bufio.Reader) (window []byte, last bool, err error) {
	window, err = in.Peek(in.Size())
	if errors.Is(err, io.EOF) {
		return window, true, nil
	}
	return window, false, err
}

// Bounds of what is remembered, in bytes.
const (
	maxBlock  = 8 << 20  // of one
	maxBlocks = 48 << 20 // of all
)

// A keeping writer keeps what it writes as long as it is short enough.
type keeping struct {
	w    io.Writer
	b    bytes.Buffer
	left int
}

func (k *keeping) Write(p []byte) (int, error) {
	if k.left -= len(p); k.left >= 0 {
		k.b.Write(p)
	} else {
		k.b = bytes.Buffer{}
	}
	return k.w.Write(p)
}

// A blockCache remembers compressed metadata whose addresses are those of one root:
// a block as it is stored knows none. What was used longest ago goes first.
type blockCache struct {
	mu    sync.Mutex
	by    map[string]*list.Element
	order list.List // of block, the last used in front
	size  int
}

type block struct {
	key  string
	gzip []byte
}

func (c *blockCache) get(key string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.by[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	b, _ := e.Value.(block)
	return b.gzip, true
}

func (c *blockCache) put(key string, gzip []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]*list.Element{}
	}
	if _, ok := c.by[key]; ok {
		return
	}
	c.by[key] = c.order.PushFront(block{key, gzip})
	for c.size += len(gzip); c.size > maxBlocks; {
		e := c.order.Back()
		b, _ := c.order.Remove(e).(block)
		delete(c.by, b.key)
		c.size -= len(b.gzip)
	}
}

// writeReady writes an answer that is there as a whole.
func writeReady(w http.ResponseWriter, r *http.Request, body []byte) error {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // whoever hung up learns nothing
	}
	return nil
}
