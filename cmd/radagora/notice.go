package main

import (
	"context"
	"slices"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/job"
	"radagora/lang"
	"radagora/notice"
	"radagora/outgoing"
	"radagora/site"
)

// mailSettings say how mails leave.
type mailSettings struct {
	MailHost     string `setting:"" name:"mail-host" placeholder:"HOST" help:"Mail server for notices; without it there are no mails. It may be private."`
	MailPort     int    `setting:"" name:"mail-port" placeholder:"PORT" help:"Its port; without it 587, 465 with tls, 25 with none."`
	MailSecurity string `setting:"" name:"mail-security" default:"starttls" enum:"starttls,tls,none" help:"How the connection is secured: starttls, tls or none; with none there is no password."`
	MailUser     string `setting:"" name:"mail-user" placeholder:"NAME" help:"Name to sign in with there."`
	MailPassword string `setting:"" secret:"" name:"mail-password" placeholder:"PASSWORD" help:"Password; in the environment or the file only."`
	MailFrom     string `setting:"" name:"mail-from" placeholder:"ADDRESS" help:"Address that mails come from, such as radagora@hospital.example."`
}

// mail returns the settings as notice takes them.
func (s mailSettings) mail() notice.Mail {
	if s.MailHost == "" {
		return notice.Mail{}
	}
	return notice.Mail{Host: s.MailHost, Port: s.MailPort, Security: s.MailSecurity, User: s.MailUser, Password: s.MailPassword, From: s.MailFrom}
}

// links returns the address that links in mails begin with. A command that listens
// nowhere has none of its own.
func (s settings) links() string {
	if s.HTTP == "" && s.PublicURL == "" {
		return "http://localhost"
	}
	return s.base()
}

// reachable adds the mail server to what may be called: it stands in the settings.
func (s mailSettings) reachable(o outgoing.Options) outgoing.Options {
	if m := s.mail(); m.On() {
		o.Allow = append(slices.Clip(o.Allow), m.Address())
	}
	return o
}

// tell opens the queue of jobs and the notices.
func (h *house) tell(ctx context.Context, s settings, key [32]byte) (err error) {
	// The lock of the packs says that nobody else is at work in this folder, and so in the
	// database there.
	alone := s.DB == "" && h.Packs != nil
	if h.Jobs, err = job.Open(ctx, h.DB, h.Journal, job.Options{Log: h.Log, Now: h.Now, Holder: holderName(), Alone: alone}); err != nil {
		return err
	}
	catalogue, err := lang.Open()
	if err != nil {
		return err
	}
	here, err := h.Sites.Site(ctx, site.Default)
	if err != nil {
		return err
	}
	h.Notices, err = notice.Open(ctx, h.DB, notice.Options{
		People: h.Users, Journal: h.Journal, Jobs: h.Jobs, Outgoing: h.Out, Catalogue: catalogue, MasterKey: key,
		Mail: s.mail(), PublicURL: s.links(), Zone: here.Location(), Log: h.Log, Now: h.Now,
	})
	if err != nil {
		return err
	}
	if err := h.openFeed(ctx, key); err != nil {
		return err
	}
	h.Jobs.Every("notice-prune", job.Clock{Weekday: -1, Hour: 3, Minute: 40, Zone: here.Location()}, h.Notices.Prune)
	h.Jobs.Every("message-prune", job.Clock{Weekday: -1, Hour: 3, Minute: 50, Zone: here.Location()}, h.pruneMessages, job.Limit(6*time.Hour))
	h.scheduleCare(here.Location())
	h.scheduleRetention(here.Location())
	h.scheduleAccounts()
	h.schedulePixels()
	h.Facts.Opened, h.Sites.Knocked = h.tellOpened, h.tellKnocked
	return nil
}

// tellOpened tells the data-protection officers of a record opened in an emergency.
func (h *house) tellOpened(ctx context.Context, tx *db.Tx, r access.Relation) error {
	return h.Notices.Send(ctx, tx, notice.Message{
		Roles: []access.Role{access.ProtectionOfficer}, Site: r.Site, Kind: "access.glass.opened",
		Path: "/access/emergencies", Severity: notice.Warning,
	})
}

// tellKnocked tells the administrators of a caller who was not let in. A title that
// can be none is on the list and makes no noise.
func (h *house) tellKnocked(ctx context.Context, tx *db.Tx, c site.Caller) error {
	err := h.Notices.Once(ctx, tx, "knock "+c.AETitle, notice.Message{
		Roles: []access.Role{access.Administrator}, Site: c.Site, Kind: "site.peer.knocked",
		Args: map[string]string{"title": c.AETitle}, Path: "/settings/peers",
	})
	if fault.Of(err) == fault.Invalid {
		return nil
	}
	return err
}
