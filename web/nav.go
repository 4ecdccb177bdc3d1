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
	if s.Mapping != nil {
		dose.add("nav.mapping", "/dose/mapping", access.MappingRead)
	}
	settings := section{title: "nav.settings", path: "/settings"}
	if s.Rooms != nil {
		settings.add("nav.rooms", "/settings/rooms", access.SiteRead)
	}
	if s.Rights != nil {
		settings.add("nav.policies", "/settings/policies", access.PolicyRead)
		settings.add("nav.study_rights", "/access/study", access.StudyExplain)
		settings.add("nav.emergencies", "/access/emergencies", access.GlassReview)
	}
	if s.Peers != nil {
		settings.add("nav.peers", "/settings/peers", access.PeerRead)
	}
	if s.Messages != nil {
		settings.add("nav.messages", messagesAddress, access.ChannelRead)
	}
	if s.Associations != nil {
		settings.add("nav.associations", "/settings/associations", access.PeerRead)
	}
	if s.Accounts != nil {
		settings.add("nav.accounts", "/settings/accounts", access.UserRead)
	}
	if s.Tokens != nil {
		settings.add("nav.tokens", "/settings/tokens", access.UserRead)
	}
	if s.AppDesk != nil && s.Sign != nil {
		settings.add("nav.apps", "/settings/apps", access.UserRead)
	}
	if s.Providers != nil {
		settings.add("nav.providers", "/settings/sign-in", access.UserRead)
	}
	if s.Storage != nil {
		settings.add("nav.storage", "/settings/storage", access.StorageRead)
	}
	if s.Status != nil {
		settings.add("nav.status", "/settings/status", access.StatusRead)
	}
	if s.Notices != nil {
		settings.add("nav.notices", "/settings/notices", access.SiteChange)
	}
	if s.Changes != nil {
		settings.add("nav.changes", "/settings/changes", access.ChangeFollow)
	}
	if s.Journal != nil {
		settings.add("nav.journal", "/settings/journal", access.JournalRead)
	}
	if s.Content != nil {
		settings.add("nav.content", "/settings/content", access.ContentCheck)
	}
	if s.Backups != nil {
		settings.add("nav.backup", "/settings/backup", access.StatusRead)
	}
	if s.Start != nil {
		settings.add("nav.start", "/start", access.SiteRead)
	}
	var all []section
	if s.Today != nil {
		all = append(all, section{title: "nav.today", path: "/"})
	}
	for _, sec := range []section{images, dose, s.privacySection(), settings} {
		if len(sec.pages) > 0 {
			sec.path = sec.pages[0].path
			all = append(all, sec)
		}
	}
	return all
}

// add puts a page at the end of the section.
func (s *section) add(title, path string, act access.Act) {
	s.pages = append(s.pages, navPage{title, path, act})
}

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
		if len(mine.pages) > 0 {
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
