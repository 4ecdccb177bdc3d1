// Package lang puts messages, numbers and dates into a person's language.
//
// A Catalogue holds the messages of every language, a Printer speaks one of
// them. Rooms return keys and arguments (a Message), never sentences; whoever
// talks to a person prints them. English is the source: a message missing in
// another language is said in English and noted, and a test keeps that from
// being shipped. Two pseudo-languages made from English, Pseudo and Long, show
// what a layout does to longer words.
//
// Plural forms follow the rules of CLDR. Text is plain: escaping for HTML is
// left to the templates. The package does no I/O but for reading its own
// embedded files, and knows nothing of patients.
package lang

import (
	"embed"
	"io/fs"
	"log/slog"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/text/language"

	"radagora/fault"
)

// Source is the tag of the language everything is written in first.
const Source = "en"

// Pseudo and Long are languages for looking at layouts: English with accents
// and about two fifths longer, and English in very long compound words.
const (
	Pseudo = "qps"
	Long   = "qps-long"
)

//go:embed catalogue/*.yaml
var embedded embed.FS

// A Catalogue holds the messages of all languages. It is safe for concurrent
// use once Log is set.
type Catalogue struct {
	Log *slog.Logger // hears of each missing message once; nil for nobody

	order   []string // tags in the order they are offered, Source first
	book    map[string]*book
	matcher language.Matcher
	missing sync.Map // "tag key" to struct{}
}

// A Language is one that people can choose.
type Language struct {
	Tag      string // as it stands in the address and the cookie
	Name     string // what its speakers call it
	Reviewed int    // messages that a speaker of the language has read and approved
	Messages int    // messages in all
}

// Open returns the catalogue that is built into the program. It is read once.
func Open() (*Catalogue, error) {
	c, err := builtIn()
	if err != nil {
		return nil, err
	}
	return &Catalogue{order: c.order, book: c.book, matcher: c.matcher}, nil
}

var builtIn = sync.OnceValues(func() (*Catalogue, error) {
	sub, err := fs.Sub(embedded, "catalogue")
	if err != nil {
		return nil, err
	}
	return Load(sub)
})

// Load reads one catalogue file per language, named after its tag, from the
// root of files. An error of kind Invalid names the file and the message.
func Load(files fs.FS) (*Catalogue, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, err
	}
	c := &Catalogue{book: map[string]*book{}}
	for _, name := range names {
		b, err := readBook(files, name)
		if err != nil {
			return nil, fault.Errorf(fault.Invalid, "catalogue %s: %w", name, err)
		}
		tag := strings.TrimSuffix(path.Base(name), ".yaml")
		if b.tag, err = language.Parse(tag); err != nil {
			return nil, fault.Errorf(fault.Invalid, "catalogue %s: %w", name, err)
		}
		c.book[tag] = b
		c.order = append(c.order, tag)
	}
	source := c.book[Source]
	if source == nil {
		return nil, fault.Errorf(fault.Invalid, "catalogue has no %s.yaml", Source)
	}
	slices.SortFunc(c.order, sourceFirst)
	c.matcher = language.NewMatcher(c.tags())
	c.book[Pseudo] = source.pseudo(accented)
	c.book[Long] = source.pseudo(compound)
	return c, nil
}

// sourceFirst orders tags by the alphabet, but for Source, which leads.
func sourceFirst(a, b string) int {
	switch {
	case a == Source:
		return -1
	case b == Source:
		return 1
	}
	return strings.Compare(a, b)
}

// tags returns the languages in the order of c.order, as the matcher wants them.
func (c *Catalogue) tags() []language.Tag {
	all := make([]language.Tag, len(c.order))
	for i, tag := range c.order {
		all[i] = c.book[tag].tag
	}
	return all
}

// Languages returns the languages people can choose, Source first and the
// pseudo-languages left out.
func (c *Catalogue) Languages() []Language {
	all := make([]Language, len(c.order))
	for i, tag := range c.order {
		b := c.book[tag]
		all[i] = Language{Tag: tag, Name: b.Name, Messages: len(b.entries)}
		for _, e := range b.entries {
			if e.reviewed {
				all[i].Reviewed++
			}
		}
	}
	return all
}

// Has reports whether tag is a language of the catalogue, the pseudo-languages
// included.
func (c *Catalogue) Has(tag string) bool { return c.book[tag] != nil }

// Match returns the tag of the language to speak: chosen if it is one of ours,
// or else the best for an Accept-Language header, or else Source.
func (c *Catalogue) Match(chosen, acceptLanguage string) string {
	if c.Has(chosen) {
		return chosen
	}
	wanted, _, err := language.ParseAcceptLanguage(acceptLanguage)
	if err != nil || len(wanted) == 0 || len(wanted) > 50 {
		return Source
	}
	_, i, confidence := c.matcher.Match(wanted...)
	if confidence == language.No {
		return Source
	}
	return c.order[i]
}

// Printer returns a printer for tag, or for Source if tag is no language of
// ours.
func (c *Catalogue) Printer(tag string) *Printer {
	b, ok := c.book[tag]
	if !ok {
		tag, b = Source, c.book[Source]
	}
	return &Printer{cat: c, tag: tag, book: b}
}

// Missing returns what was asked for and not found so far, as "tag key", in
// order. It is empty in a program whose tests pass.
func (c *Catalogue) Missing() []string {
	var all []string
	c.missing.Range(func(k, _ any) bool {
		if s, ok := k.(string); ok {
			all = append(all, s)
		}
		return true
	})
	slices.Sort(all)
	return all
}

// note remembers a missing message and logs it the first time.
func (c *Catalogue) note(tag, key string) {
	if _, seen := c.missing.LoadOrStore(tag+" "+key, struct{}{}); !seen && c.Log != nil {
		c.Log.Warn("message missing", slog.String("language", tag), slog.String("key", key))
	}
}
