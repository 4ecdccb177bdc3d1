package disk

import (
	"errors"
	"fmt"
	"os"
)

// recover looks at every pack that is not sealed, as a crash may have left it.
func (s *Store) recover() error {
	if err := s.sweep(); err != nil {
		return err
	}
	if err := s.count(); err != nil {
		return err
	}
	names, err := s.list(openExt)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := s.recoverPack(name); err != nil {
			return fmt.Errorf("recover pack %s: %w", name, classify(err))
		}
	}
	return nil
}

// sweep removes copies of packs that were not finished.
func (s *Store) sweep() error {
	parts, err := s.list(partExt)
	for _, name := range parts {
		err = errors.Join(err, classify(os.Remove(s.path(name, partExt))))
	}
	return err
}

// count adds up what the packs take.
func (s *Store) count() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return classify(err)
	}
	for _, e := range entries {
		fi, err := e.Info()
		if err != nil {
			return classify(err)
		}
		s.used.Add(min(allocated(fi), fi.Size()))
	}
	return nil
}

func (s *Store) recoverPack(name string) error {
	f, err := os.OpenFile(s.path(name, openExt), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return err
	}
	sc, ok := scanPack(f, fi.Size())
	ok = ok && sc.head.id.String() == name
	switch {
	case !ok:
		err = s.setAside(name, f, fi.Size())
	case sc.sealed:
		err = s.finishSeal(name, f)
	default:
		err = s.resume(name, f, fi.Size(), sc)
	}
	if !ok || sc.sealed || err != nil {
		f.Close()
	}
	return err
}

// setAside takes a pack without a readable head out of the way. Nothing can be
// acknowledged in a pack before its head is durable; so one with nothing behind
// its head is merely unborn, and deleted.
func (s *Store) setAside(name string, f *os.File, size int64) error {
	if size <= unit {
		return os.Remove(s.path(name, openExt))
	}
	s.report(Recovery{Pack: name, Lost: 1})
	return os.Rename(f.Name(), s.path(name, badExt))
}

// finishSeal renames a pack that a crash met between its seal and its new name.
func (s *Store) finishSeal(name string, f *os.File) error {
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), s.path(name, sealedExt)); err != nil {
		return err
	}
	return syncDir(s.dir)
}

// resume cuts what is torn, makes the rest durable and lets writers go on.
func (s *Store) resume(name string, f *os.File, size int64, sc scan) error {
	if err := s.mend(f, sc); err != nil {
		return err
	}
	if size != sc.end {
		if err := f.Truncate(sc.end); err != nil {
			return err
		}
		s.used.Add(sc.end - size)
	}
	if err := f.Sync(); err != nil {
		return err
	}
	p := newPack(name, sc.head)
	p.f = f
	p.end, p.written, p.synced = sc.end, sc.end, sc.end
	if n := len(sc.records); n > 0 && sc.records[n-1].kind == removed && sc.records[n-1].length == 0 {
		p.marked = sc.end
	}
	r := Recovery{Pack: name, Objects: count(sc.records, object), Lost: count(sc.records, lost), Cut: max(0, size-sc.end)}
	s.report(r)
	s.open[name] = p
	s.give(p)
	return nil
}

// mend gives each lost stretch a header, so that the records stand without a gap.
func (s *Store) mend(f *os.File, sc scan) error {
	block := make([]byte, unit)
	for _, r := range sc.records {
		if r.kind != lost {
			continue
		}
		sc.head.put(block, r)
		if _, err := s.o.write(f, block, r.offset); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) report(r Recovery) {
	s.recovered = append(s.recovered, r)
	if r.Cut > 0 || r.Lost > 0 {
		s.o.Log.Warn("pack recovered", "pack", r.Pack, "objects", r.Objects, "cut_bytes", r.Cut, "lost", r.Lost)
	}
}

func count(records []record, kind byte) int {
	n := 0
	for _, r := range records {
		if r.kind == kind {
			n++
		}
	}
	return n
}
