package content

import "slices"

// Parse makes a set of files by name that are in no folder, such as one that
// people entered: what it holds is read, checked and digested as if they were in
// the folder id. Nothing lies over anything until somebody puts it there.
func Parse(id string, files map[string][]byte) (*Set, []Problem) {
	s, problems := newSet(Site, id, files)
	if len(problems) > 0 {
		return nil, sorted(problems)
	}
	return s, nil
}

// Fits returns what is wrong with a set beside what a site sees: codes nobody
// knows, rows that contradict each other.
func (l *Library) Fits(site string, s *Set) []Problem {
	beside := slices.DeleteFunc(l.Sets(site), func(o *Set) bool { return o.ID == s.ID || o.Kind == s.Kind })
	return sorted(checkReferences(append(beside, s)))
}
