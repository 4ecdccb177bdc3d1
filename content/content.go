// Package content embeds and loads the knowledge: files with sources, no logic.
//
// Reference levels, code lists, words, thresholds and demonstration doses are
// files, not Go. They come in sets: a folder with set.yaml (who published it,
// which edition, under which licence, who typed it in, who checked it) beside
// its tables. The sets in this folder are part of the program; an installation
// may replace any of them with a folder of its own, and a site may replace it
// again. What replaces is always the whole set, and lists say so.
//
// The format is described in docs/format/content.md. The package holds no
// clinical number and draws no conclusion: whoever uses a set decides what it
// means, and names the set's Ref beside every result.
package content

import (
	"cmp"
	"encoding/hex"
	"errors"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"radagora/fault"
)

// An Origin says where a set comes from. Later ones replace earlier ones.
type Origin uint8

// The origins, from the weakest to the strongest.
const (
	Embedded     Origin = iota // part of the program
	Installation               // a folder of whoever runs the program
	Site                       // a folder of one site
)

// String returns the word for o as it stands in lists and in JSON.
func (o Origin) String() string {
	return [...]string{"embedded", "installation", "site"}[min(o, Site)]
}

// A Source is a tree of sets to load: its origin and, for Site, whose it is.
type Source struct {
	Origin Origin
	Site   string // id of the site when Origin is Site
	FS     fs.FS
}

// A Ref names the exact content something was computed with.
type Ref struct {
	ID      string // id of the set
	Edition string // as the publisher calls it
	Digest  string // SHA-256 over the files of the set, hexadecimal
}

// String returns the short form that stands in provenance, such as
// "dose/level/uk_ndrl_2024@3f2a90c1b7de".
func (r Ref) String() string { return r.ID + "@" + r.Digest[:min(len(r.Digest), 12)] }

// A Set is one folder of content. It is not to be changed.
type Set struct {
	Meta
	Origin   Origin
	Replaces []Origin // where sets of the same id lie that this one replaces
	digest   [32]byte
	tables   map[string]*Table
	docs     map[string][]byte
}

// Ref returns what provenance has to name.
func (s *Set) Ref() Ref {
	return Ref{ID: s.ID, Edition: s.Edition, Digest: hex.EncodeToString(s.digest[:])}
}

// Table returns the table in name.tsv, or an error of kind NotFound.
func (s *Set) Table(name string) (*Table, error) {
	if t := s.tables[name]; t != nil {
		return t, nil
	}
	return nil, fault.Errorf(fault.NotFound, "content set %s has no table %s.tsv", s.ID, name)
}

// Rows returns the number of rows in all tables of the set.
func (s *Set) Rows() int {
	n := 0
	for _, t := range s.tables {
		n += t.Len()
	}
	return n
}

// A Library holds the content of an installation: what is embedded, with what
// the installation and its sites put in its place. It is safe for concurrent use.
type Library struct {
	common map[string]*Set            // what a site sees that replaces nothing
	sites  map[string]map[string]*Set // what a site put in its place
}

// Open loads the embedded content and sources over it, in the order of their
// origins. Content with a problem is not used in part: Open then returns an
// error of kind Invalid that lists every problem with file, line and way out.
func Open(sources ...Source) (*Library, error) {
	lib, problems := load(append([]Source{{Origin: Embedded, FS: embedded}}, sources...))
	if len(problems) > 0 {
		return nil, fault.As(fault.Invalid, CheckError(problems))
	}
	return lib, nil
}

// Check returns every problem of the sets in fsys as they would lie over the
// embedded content, in the order of files and lines.
func Check(fsys fs.FS) []Problem {
	_, problems := load([]Source{{Origin: Embedded, FS: embedded}, {Origin: Installation, FS: fsys}})
	return problems
}

// load reads the sources and checks what each site would see.
func load(sources []Source) (*Library, []Problem) {
	lib := &Library{common: map[string]*Set{}, sites: map[string]map[string]*Set{}}
	var problems []Problem
	sources = slices.Clone(sources)
	slices.SortStableFunc(sources, func(a, b Source) int { return cmp.Compare(a.Origin, b.Origin) })
	for _, src := range sources {
		sets, found := readSets(src)
		problems = append(problems, found...)
		for _, s := range sets {
			lib.add(src, s)
		}
	}
	if len(problems) > 0 {
		return lib, sorted(problems) // what refers to a broken set would be reported twice
	}
	problems = checkReferences(lib.Sets(""))
	for site := range lib.sites {
		problems = append(problems, checkReferences(lib.Sets(site))...)
	}
	return lib, sorted(problems)
}

// add puts s in place, and notes what it replaces.
func (l *Library) add(src Source, s *Set) {
	into := l.common
	if src.Origin == Site {
		if l.sites[src.Site] == nil {
			l.sites[src.Site] = map[string]*Set{}
		}
		into = l.sites[src.Site]
	}
	if old, ok := l.Set(src.Site, s.ID); ok {
		s.Replaces = append(slices.Clone(old.Replaces), old.Origin)
	}
	into[s.ID] = s
}

// Set returns the set with this id as site sees it; "" stands for a site that
// has no content of its own.
func (l *Library) Set(site, id string) (*Set, bool) {
	if s, ok := l.sites[site][id]; ok {
		return s, true
	}
	s, ok := l.common[id]
	return s, ok
}

// Sets returns all sets as site sees them, sorted by id.
func (l *Library) Sets(site string) []*Set {
	all := maps.Clone(l.common)
	maps.Copy(all, l.sites[site])
	return slices.SortedFunc(maps.Values(all), func(a, b *Set) int { return strings.Compare(a.ID, b.ID) })
}

// OfKind returns the sets of one kind as site sees them, sorted by id.
func (l *Library) OfKind(site, kind string) []*Set {
	return slices.DeleteFunc(l.Sets(site), func(s *Set) bool { return s.Kind != kind })
}

// Table returns one table of one set as site sees it, or an error of kind NotFound.
func (l *Library) Table(site, id, name string) (*Table, error) {
	s, ok := l.Set(site, id)
	if !ok {
		return nil, fault.Errorf(fault.NotFound, "no content set %s", id)
	}
	return s.Table(name)
}

// A CheckError is a list of problems; errors.As finds it in what Open returns.
type CheckError []Problem

// Error returns one line per problem.
func (p CheckError) Error() string {
	errs := make([]error, len(p))
	for i := range p {
		errs[i] = errors.New(p[i].String())
	}
	return errors.Join(errs...).Error()
}
