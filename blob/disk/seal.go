package disk

import (
	"bufio"
	"context"
	"io"
	"os"
)

// seal writes the index of a full pack, after which nothing is appended any
// more. If it cannot, the pack stays as it is and the next Open continues it.
func (s *Store) seal(p *pack) {
	if err := s.sealPack(p); err != nil {
		s.o.Log.Error("pack could not be sealed", "pack", p.name, "error", err)
	}
	if p.failed() == nil {
		p.f.Close() // all of it is durable, so nobody will sync it again
	}
	s.mu.Lock()
	delete(s.open, p.name)
	s.mu.Unlock()
}

func (s *Store) sealPack(p *pack) error {
	if err := p.wait(context.Background(), p.end); err != nil {
		return err
	}
	s.inPlace.Lock()
	defer s.inPlace.Unlock()
	if err := s.writeIndex(p.f, p.head, p.end); err != nil {
		_ = p.f.Truncate(p.end)
		return classify(err)
	}
	if err := os.Rename(s.path(p.name, openExt), s.path(p.name, sealedExt)); err != nil {
		return classify(err)
	}
	return classify(syncDir(s.dir))
}

// writeIndex appends copies of all record headers and the seal, durably.
func (s *Store) writeIndex(f *os.File, h head, end int64) error {
	records, stop := h.walk(f, end)
	if stop != end {
		return io.ErrUnexpectedEOF
	}
	w := bufio.NewWriterSize(&appender{s: s, f: f, at: end}, gather)
	block := make([]byte, unit)
	for _, r := range records {
		h.put(block, r)
		if _, err := w.Write(block); err != nil {
			return err
		}
	}
	if _, err := w.Write(h.seal(seal{index: end, count: int64(len(records))})); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	s.used.Add(int64(len(records)+1) * unit)
	return datasync(f)
}

// An appender writes to a file from a place on.
type appender struct {
	s  *Store
	f  *os.File
	at int64
}

func (a *appender) Write(b []byte) (int, error) {
	n, err := a.s.o.write(a.f, b, a.at)
	a.at += int64(n)
	return n, err
}
