package disk

import (
	"fmt"
	"os"

	"radagora/fault"
)

// OpenBeside opens the store in dir for reading while the process that has it open goes
// on with its work. Every object that process acknowledged can be read. Nothing is
// repaired, written or removed: calls that would do so give Conflict. NotFound: there is
// no such folder.
func OpenBeside(dir string, o Options) (*Store, error) {
	s := newStore(dir, o)
	s.beside = true
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("open packs in %s: %w", dir, classify(err))
	}
	if err := s.count(); err != nil {
		return nil, fmt.Errorf("open packs in %s: %w", dir, err)
	}
	return s, nil
}

// alone is Conflict if another process has the store open for writing.
func (s *Store) alone() error {
	if s.beside {
		return fault.Errorf(fault.Conflict, "another process keeps the packs in %s: stop it first, or send it what it shall keep", s.dir)
	}
	return nil
}
