package web

import (
	"radagora/access"
	"radagora/fault"
)

// The groups of settings.
const (
	ofLines   = "settings.lines"
	ofPeople  = "settings.people"
	ofProgram = "settings.program"
)

// settingsSection returns the pages of people who look after the installation.
func (s *server) settingsSection() section {
	all := section{title: "nav.settings", path: "/settings"}
	add := func(there bool, group, title, lead, path string, act access.Act) {
		if there {
			all.pages = append(all.pages, navPage{title: title, path: path, act: act, lead: lead, group: group})
		}
	}
	add(s.Start != nil, ofLines, "nav.start", "start.lead", "/start", access.SiteRead)
	add(s.Places != nil, ofLines, "nav.place", "place.lead", placeAt, access.SiteRead)
	add(s.Rooms != nil, ofLines, "nav.rooms", "rooms.lead", "/settings/rooms", access.SiteRead)
	add(s.Peers != nil, ofLines, "nav.peers", "peers.lead", "/settings/peers", access.PeerRead)
	add(s.Associations != nil, ofLines, "nav.associations", "assoc.lead", "/settings/associations", access.PeerRead)
	add(s.Messages != nil, ofLines, "nav.messages", "messages.lead", messagesAddress, access.ChannelRead)
	add(s.Changes != nil, ofLines, "nav.changes", "changes.lead", "/settings/changes", access.ChangeFollow)
	add(s.API != nil, ofLines, "nav.api", "api.lead", "/api", access.SiteRead)
	add(s.Accounts != nil, ofPeople, "nav.accounts", "accounts.lead", "/settings/accounts", access.UserRead)
	add(s.Providers != nil, ofPeople, "nav.providers", "provider.lead", "/settings/sign-in", access.UserRead)
	add(s.Tokens != nil, ofPeople, "nav.tokens", "token.all_lead", "/settings/tokens", access.UserRead)
	add(s.AppDesk != nil && s.Sign != nil, ofPeople, "nav.apps", "apps.lead", "/settings/apps", access.UserRead)
	add(s.Rights != nil, ofPeople, "nav.policies", "rights.policies_lead", "/settings/policies", access.PolicyRead)
	add(s.Rights != nil, ofPeople, "nav.study_rights", "rights.study_lead", "/access/study", access.StudyExplain)
	add(s.Rights != nil, ofPeople, "nav.emergencies", "rights.emergencies_lead", "/access/emergencies", access.GlassReview)
	add(s.Status != nil, ofProgram, "nav.status", "settings.status", "/settings/status", access.StatusRead)
	add(s.Storage != nil, ofProgram, "nav.storage", "storage.lead", "/settings/storage", access.StorageRead)
	add(s.Backups != nil, ofProgram, "nav.backup", "backup.lead", "/settings/backup", access.StatusRead)
	add(s.Notices != nil, ofProgram, "nav.notices", "post.lead", "/settings/notices", access.SiteChange)
	add(s.Journal != nil, ofProgram, "nav.journal", "journal.lead", "/settings/journal", access.JournalRead)
	add(s.Content != nil, ofProgram, "nav.content", "content.lead", "/settings/content", access.ContentCheck)
	return all
}

// settingsPage lists the settings that whoever asks may see.
func (*server) settingsPage(v *visit) error {
	for _, sec := range v.sections() {
		if sec.title == "nav.settings" {
			return v.show(page{title: v.p.T("nav.settings"), lead: v.p.T("settings.lead"), section: "/settings"}, settingsBody(v, sec))
		}
	}
	return fault.Errorf(fault.Forbidden, "settings: none for this role")
}
