package web

import (
	"context"
	"strings"
)

// Search finds things of one room: studies, findings, rooms, actions. It returns
// at most n hits that who may see, best first; no hit is no error.
type Search interface {
	Search(ctx context.Context, who Person, language, text string, n int) ([]Hit, error)
}

// A Hit is something found.
type Hit struct {
	Kind  string // what it is, in the person's language
	Title string
	Text  string // a quieter line
	Path  string
}

// hitsPerRoom bounds what one room may return.
const hitsPerRoom = 8

// searchPage shows what was found; without script it is the command palette.
func (s *server) searchPage(v *visit) error {
	text := strings.TrimSpace(v.r.URL.Query().Get("q"))
	if len(text) > 200 {
		text = text[:200]
	}
	hits := s.findPages(v, text)
	if text != "" {
		for _, room := range s.Search {
			found, err := room.Search(v.r.Context(), v.who, v.p.Tag(), text, hitsPerRoom)
			if err != nil {
				return err
			}
			hits = append(hits, found...)
		}
	}
	return v.show(page{title: v.p.T("search.title"), section: "-"}, searchResults(v.p, text, hits))
}

// findPages returns the pages whose names contain text, all of them for "".
func (s *server) findPages(v *visit, text string) []Hit {
	var hits []Hit
	kind, want := v.p.T("search.page"), strings.ToLower(text)
	add := func(title, path string) {
		name := v.p.T(title)
		if strings.Contains(strings.ToLower(name), want) {
			hits = append(hits, Hit{Kind: kind, Title: name, Path: path})
		}
	}
	for _, sec := range s.nav {
		if len(sec.pages) == 0 {
			add(sec.title, sec.path)
		}
		for _, pg := range sec.pages {
			add(pg.title, pg.path)
		}
	}
	return hits
}
