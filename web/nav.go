package web

import "strings"

// A section is one entry of the navigation, by what people come for, with its
// pages.
type section struct {
	title string // key of the catalogue
	path  string
	pages []navPage
}

// A navPage is a page of a section.
type navPage struct {
	title string
	path  string
}

// sections returns the navigation of what is there: Today, Images, Dose,
// Quality, Referrals, Research, Learn, Observatory, Settings, in this order.
func (s *server) sections() []section {
	var all []section
	if s.Today != nil {
		all = append(all, section{title: "nav.today", path: "/"})
	}
	dose := section{title: "nav.dose", path: "/dose"}
	if s.DoseCT != nil {
		dose.pages = append(dose.pages, navPage{"nav.dose_ct", "/dose/ct"})
	}
	if s.Mapping != nil {
		dose.pages = append(dose.pages, navPage{"nav.mapping", "/dose/mapping"})
	}
	settings := section{title: "nav.settings", path: "/settings"}
	if s.Rooms != nil {
		settings.pages = append(settings.pages, navPage{"nav.rooms", "/settings/rooms"})
	}
	if s.Content != nil {
		settings.pages = append(settings.pages, navPage{"nav.content", "/settings/content"})
	}
	if s.Start != nil {
		settings.pages = append(settings.pages, navPage{"nav.start", "/start"})
	}
	for _, sec := range []section{dose, settings} {
		if len(sec.pages) > 0 {
			sec.path = sec.pages[0].path
			all = append(all, sec)
		}
	}
	return all
}

// within reports whether the current path belongs to the section.
func (s section) within(path string) bool {
	if s.path == path {
		return true
	}
	for _, pg := range s.pages {
		if path == pg.path || strings.HasPrefix(path, pg.path+"/") {
			return true
		}
	}
	return false
}
