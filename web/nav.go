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
	part  string     // of the section, whose pages are tabs of each other; key of the catalogue
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
	var all []section
	if s.Today != nil {
		all = append(all, section{title: "nav.today", path: "/"})
	}
	for _, sec := range []section{images, s.doseSection(), s.qualitySection(), s.privacySection(), s.settingsSection()} {
		if len(sec.pages) > 0 {
			if !sec.many() {
				sec.path = sec.pages[0].path
			}
			all = append(all, sec)
		}
	}
	return all
}

// The parts of the dose section: each is one entry of the navigation, and its pages
// are tabs of each other.
const (
	ofDoses     = "nav.dose_ct"
	ofQuality   = "nav.dose_quality"
	ofReview    = "nav.dose_review"
	ofReference = "nav.dose_reference"
)

// The parts of the quality section.
const (
	ofProgramme = "nav.quality_programme" // audits, documents, incidents
	ofMaturity  = "nav.quality_maturity"  // maturity, stars, evidence
	ofMachines  = "nav.quality_equipment" // age, tests
	ofForms     = "nav.quality_forms"     // forms, surveys
)

// doseSection returns the pages of doses, one line each: the pages of one part stand
// together, the one people open first comes first.
func (s *server) doseSection() section {
	dose := section{title: "nav.dose", path: "/dose"}
	dose.tab(s.DoseCT != nil, ofDoses, "nav.dose_ct", "/dose/ct", access.AggregateRead)
	dose.tab(s.Charts != nil, ofDoses, "nav.dose_charts", "/dose/charts", access.AggregateRead)
	dose.tab(s.Views != nil, ofDoses, "nav.views", viewsAt, access.AggregateRead)
	dose.tab(s.Committee != nil, ofDoses, "nav.report_dose", reportAt, access.AggregateRead)
	dose.tab(s.Registry != nil, ofDoses, "nav.registry", registryAt, access.SecondaryUse)
	dose.tab(s.DoseQuality != nil, ofQuality, "nav.quality_dose", qualityAt, access.AggregateRead)
	dose.tab(s.Entry != nil, ofQuality, "nav.entry", entryAt, access.DoseEnter)
	dose.tab(s.Rejects != nil, ofQuality, "nav.rejects", rejectsAt, access.AggregateRead)
	dose.tab(s.Rejects != nil, ofQuality, "nav.exposure", exposureAt, access.AggregateRead)
	dose.tab(s.Review != nil, ofReview, "nav.cases", "/dose/cases", access.FindingRead)
	dose.tab(s.Review != nil, ofReview, "nav.drift", "/dose/drift", access.AggregateRead)
	dose.tab(s.Review != nil, ofReview, "nav.dose_rules", "/dose/rules", access.FindingRead)
	dose.tab(s.Levels != nil, ofReference, "nav.levels", "/dose/levels", access.AggregateRead)
	dose.tab(s.Mapping != nil, ofReference, "nav.mapping", "/dose/mapping", access.MappingRead)
	dose.tab(s.Splitting != nil, ofReference, "nav.splitting", splitAt, access.ExaminationRead)
	dose.tab(s.Protocols != nil, ofReference, "nav.protocols", protocolsAt, access.AggregateRead)
	return dose
}

// qualitySection returns the pages of audits, forms, machines and what else a quality
// programme does, one line each.
func (s *server) qualitySection() section {
	quality := section{title: "nav.quality", path: "/quality"}
	quality.tab(s.Year != nil, ofProgramme, "nav.year", yearAt, access.IncidentReport)
	quality.tab(s.Incidents != nil, ofProgramme, "nav.incidents", incidentsAt, access.IncidentRead)
	quality.tab(s.Incidents != nil, ofProgramme, "nav.incident_report", incidentReportAt, access.IncidentReport)
	quality.tab(s.Incidents != nil, ofProgramme, "nav.incident_board", incidentBoardAt, access.IncidentReport)
	quality.tab(s.Audits != nil, ofProgramme, "nav.audits", auditsAt, access.AuditRead)
	quality.tab(s.Audits != nil, ofProgramme, "nav.inspection", inspectionAt, access.AuditRead)
	quality.tab(s.Documents != nil, ofProgramme, "nav.documents", documentsAt, access.DocumentRead)
	quality.tab(s.Staff != nil, ofProgramme, "nav.people", peopleAt, access.QualificationRead)
	quality.tab(s.Machines != nil, ofMachines, "nav.machines", machinesAt, access.EquipmentRead)
	quality.tab(s.Machines != nil, ofMachines, "machine.today", machinesAt+"/today", access.EquipmentRead)
	quality.tab(s.Maturity != nil, ofMaturity, "nav.maturity", maturityAt, access.AggregateRead)
	quality.tab(s.Maturity != nil, ofMaturity, "nav.stars", starsAt, access.AggregateRead)
	quality.tab(s.Facts != nil, ofMaturity, "nav.evidence", evidenceAt, access.AggregateRead)
	quality.tab(s.Forms != nil, ofForms, "nav.forms", formsAt, access.FormRead)
	quality.tab(s.Surveys != nil, ofForms, "nav.surveys", surveysAt, access.SurveyRead)
	return quality
}

// tab puts a page that is there at the end of the section, as one of a part.
func (s *section) tab(there bool, part, title, path string, act access.Act) {
	if there {
		s.pages = append(s.pages, navPage{title: title, path: path, act: act, part: part})
	}
}

// parts returns what the navigation lists below the section: its pages, or one entry
// for each of its parts, which leads to the part's first page.
func (s section) parts() []navPage {
	var all []navPage
	for _, pg := range s.pages {
		switch {
		case pg.part == "":
			all = append(all, pg)
		case len(all) == 0 || all[len(all)-1].part != pg.part:
			pg.title = pg.part
			all = append(all, pg)
		}
	}
	return all
}

// beside returns the pages of the part to which the current path belongs, none if it
// is alone there.
func (s section) beside(current string) []navPage {
	var part string
	for _, pg := range s.pages {
		if pg.path == current {
			part = pg.part
		}
	}
	var all []navPage
	for _, pg := range s.pages {
		if part != "" && pg.part == part {
			all = append(all, pg)
		}
	}
	if len(all) < 2 {
		return nil
	}
	return all
}

// standing returns how an entry of the navigation stands to the current path: "page"
// it is the page, "true" the page is one of its tabs, "" neither.
func (s section) standing(entry navPage, current string) string {
	if entry.path == current {
		return "page"
	}
	for _, pg := range s.pages {
		if entry.part != "" && pg.part == entry.part && pg.path == current {
			return "true"
		}
	}
	return ""
}

// tabs returns the pages beside the one that is shown. A page below another, which
// has a trail back, has none.
func (v *visit) tabs(pg page) []navPage {
	if len(pg.crumbs) > 0 {
		return nil
	}
	current := orElse(pg.section, v.r.URL.Path)
	for _, sec := range v.sections() {
		if all := sec.beside(current); all != nil {
			return all
		}
	}
	return nil
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
