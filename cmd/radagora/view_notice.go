package main

import (
	"context"
	"time"

	"radagora/access"
	"radagora/fault"
	"radagora/notice"
	"radagora/web"
)

// A noticesView shows the inbox of whoever asks, and how notices leave.
type noticesView struct{ *view }

// inboxPage is how many notices a page shows, as notice.Inbox gives them.
const inboxPage = 100

// Inbox implements web.Notices.
func (v noticesView) Inbox(ctx context.Context, part, before string) (web.InboxPage, error) {
	pg := web.InboxPage{Server: v.settings.mail().On()}
	who := access.From(ctx).ID
	all, err := v.Notices.Inbox(ctx, who, notice.View(part), before)
	if err != nil {
		return pg, err
	}
	for _, n := range all {
		pg.Notices = append(pg.Notices, web.InboxNotice{
			ID: n.ID, Words: n.Words(), Path: n.Path, Severity: string(n.Severity), At: n.At, Snoozed: n.Snoozed, Settled: n.Settled,
		})
	}
	if len(all) == inboxPage {
		pg.Next = all[len(all)-1].ID
	}
	modes, err := v.Notices.Preferences(ctx, who)
	if err != nil {
		return pg, err
	}
	for _, kind := range notice.Kinds() {
		if kind != notice.TestKind {
			pg.Kinds = append(pg.Kinds, web.NoticeKind{Kind: kind, Mode: string(modes[kind])})
		}
	}
	pg.Mail, err = v.address(ctx)
	return pg, err
}

// address returns the mail address of whoever asks, "" if there is none.
func (v noticesView) address(ctx context.Context) (string, error) {
	u, err := v.Users.User(ctx, access.From(ctx).ID)
	if err != nil && fault.Of(err) == fault.NotFound {
		return "", nil // a machine or a door that is open to everybody
	}
	return u.Mail, err
}

// Unread implements web.Notices.
func (v noticesView) Unread(ctx context.Context) (int, error) {
	return v.Notices.Unread(ctx, access.From(ctx).ID)
}

// Mark implements web.Notices.
func (v noticesView) Mark(ctx context.Context, id, do string) error {
	who := access.From(ctx).ID
	switch do {
	case "read", "unread":
		return v.Notices.Read(ctx, who, id, do == "read")
	case "day", "week":
		return v.Notices.Snooze(ctx, who, id, v.morning(ctx, map[string]int{"day": 1, "week": 7}[do]))
	}
	return fault.Errorf(fault.Invalid, "notice: nothing is called %.20q", do)
}

// morning returns the morning some days ahead, when a snoozed notice comes back.
func (v noticesView) morning(ctx context.Context, days int) time.Time {
	y, m, d := v.Now().In(v.site(ctx).Zone).Date()
	return time.Date(y, m, d+days, 6, 0, 0, 0, v.site(ctx).Zone)
}

// ReadAll implements web.Notices.
func (v noticesView) ReadAll(ctx context.Context, last string) error {
	return v.Notices.ReadAll(ctx, access.From(ctx).ID, last)
}

// Prefer implements web.Notices.
func (v noticesView) Prefer(ctx context.Context, modes map[string]string) error {
	all := map[string]notice.Mode{}
	for kind, mode := range modes {
		all[kind] = notice.Mode(mode)
	}
	return v.Notices.Prefer(ctx, access.From(ctx).ID, all)
}

// Post implements web.Notices.
func (v noticesView) Post(ctx context.Context) (web.PostPage, error) {
	pg := web.PostPage{}
	if m := v.settings.mail(); m.On() {
		pg.Server, pg.Security, pg.From = m.Address(), m.Security, m.From
	}
	var err error
	if pg.Mail, err = v.address(ctx); err != nil {
		return pg, err
	}
	names, err := v.accountNames(ctx)
	if err != nil {
		return pg, err
	}
	hooks, err := v.Notices.Webhooks(ctx)
	for _, h := range hooks {
		pg.Webhooks = append(pg.Webhooks, web.Webhook{
			ID: h.ID, Host: h.Host, KeyID: h.KeyID, By: names[h.By], Created: h.Created, Last: h.Last, Status: h.Status, Error: h.Error, Failing: h.Failing,
			Former: h.Former, FormerUntil: h.FormerUntil,
		})
	}
	return pg, err
}

// TestMail implements web.Notices.
func (v noticesView) TestMail(ctx context.Context) error {
	if err := may(ctx, access.SiteChange); err != nil {
		return err
	}
	return v.Notices.TestMail(ctx, access.From(ctx).ID)
}

// AddWebhook implements web.Notices.
func (v noticesView) AddWebhook(ctx context.Context, address string) (string, error) {
	if err := may(ctx, access.SiteChange); err != nil {
		return "", err
	}
	_, secret, err := v.Notices.AddWebhook(ctx, access.From(ctx).ID, address)
	if err != nil && fault.Of(err) == fault.Invalid {
		return "", web.Refuse(map[string]string{"address": "post.wrong_address"})
	}
	return secret, err
}

// RotateWebhook implements web.Notices.
func (v noticesView) RotateWebhook(ctx context.Context, id string) (string, error) {
	if err := may(ctx, access.SiteChange); err != nil {
		return "", err
	}
	_, secret, err := v.Notices.RotateWebhook(ctx, access.From(ctx).ID, id)
	return secret, err
}

// RemoveWebhook implements web.Notices.
func (v noticesView) RemoveWebhook(ctx context.Context, id string) error {
	if err := may(ctx, access.SiteChange); err != nil {
		return err
	}
	return v.Notices.RemoveWebhook(ctx, access.From(ctx).ID, id)
}

// TestWebhook implements web.Notices.
func (v noticesView) TestWebhook(ctx context.Context, id string) error {
	if err := may(ctx, access.SiteChange); err != nil {
		return err
	}
	return v.Notices.TestWebhook(ctx, id)
}
