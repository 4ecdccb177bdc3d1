package web

import (
	"strings"

	"radagora/access"
	"radagora/site"
)

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
	act   access.Act // who may not has no entry
	lead  string     // what it is for, on the page of a section with many
	group string     // of those
}

// sections returns the navigation of what is there: Today, Images, Dose,
// Quality, Referrals, Research, Learn, Observatory, Settings, in this order.
func (s *server) sections() []section {
	images := section{title: "nav.images", path: "/images"}
	if s.Studies != nil {
		images.add("nav.studies", "/images", access.StudyFind)
	}
	if s.Worklist != nil {
		images.add("nav.worklist", "/images/worklist", access.StepFind)
	}
	if s.Reconcile != nil {
		images.add("nav.reconcile", "/images/reconcile", access.LinkChange)
	}
	if s.Exchange != nil {
		images.add("nav.exchange", "/images/exchange", access.TransferRead)
	}
	if s.Fetching != nil {
		images.add("nav.fetch", "/images/fetch", access.StudyFetch)
	}
	if s.Migrations != nil {
		images.add("nav.migration", "/images/migration", access.StudyFetch)
	}
	dose := section{title: "nav.dose", path: "/dose"}
	if s.DoseCT != nil {
		dose.add("nav.dose_ct", "/dose/ct", access.AggregateRead)
	}
	if s.Charts != nil {
		dose.add("nav.dose_charts", "/dose/charts", access.AggregateRead)
	}
	if s.Mapping != nil {
		dose.add("nav.mapping", "/dose/mapping", access.MappingRead)
	}
	if s.Levels != nil {
		dose.add("nav.levels", "/dose/levels", access.AggregateRead)
	}
	if s.Protocols != nil {
		dose.add("nav.protocols", protocolsAt, access.AggregateRead)
	}
	if s.DoseQuality != nil {
		dose.add("nav.quality_dose", qualityAt, access.AggregateRead)
	}
	if s.Review != nil {
		dose.add("nav.cases", "/dose/cases", access.FindingRead)
		dose.add("nav.drift", "/dose/drift", access.AggregateRead)
	}
	if s.Entry != nil {
		dose.add("nav.entry", entryAt, access.DoseEnter)
	}
	var all []section
	if s.Today != nil {
		all = append(all, section{title: "nav.today", path: "/"})
	}
	for _, sec := range []section{images, dose, s.privacySection(), s.settingsSection()} {
		if len(sec.pages) > 0 {
			if !sec.many() {
				sec.path = sec.pages[0].path
			}
			all = append(all, sec)
		}
	}
	return all
}

// add puts a page at the end of the section.
func (s *section) add(title, path string, act access.Act) {
	s.pages = append(s.pages, navPage{title: title, path: path, act: act})
}

// many reports whether the section has a page of its own that lists its pages, in
// groups. A phone shows that one in place of all.
func (s section) many() bool { return len(s.pages) > 0 && s.pages[0].group != "" }

// sections returns the part of the navigation that whoever asks may see. Nobody has
// none.
func (v *visit) sections() []section {
	ctx := v.r.Context()
	if access.From(ctx).ID == "" {
		return nil
	}
	var all []section
	for _, sec := range v.nav {
		mine := section{title: sec.title, path: sec.path}
		for _, pg := range sec.pages {
			if access.Can(ctx, pg.act, access.Subject{Site: site.Default}) {
				mine.pages = append(mine.pages, pg)
			}
		}
		if len(mine.pages) == 0 && len(sec.pages) > 0 {
			continue
		}
		if len(mine.pages) > 0 && !sec.many() {
			mine.path = mine.pages[0].path
		}
		all = append(all, mine)
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
