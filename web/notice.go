package web

import (
	"context"
	"strings"
	"time"

	"radagora/fault"
	"radagora/lang"
	"radagora/web/face"
)

// Notices is the inbox of whoever asks, and what an administrator sets about how
// notices leave.
type Notices interface {
	// Inbox returns one part of the inbox of whoever asks: open, snoozed or read.
	Inbox(ctx context.Context, part, before string) (InboxPage, error)
	// Unread returns how many notices wait for whoever asks.
	Unread(ctx context.Context) (int, error)
	// Mark does to one notice what its button says: read, unread, day, week.
	Mark(ctx context.Context, id, do string) error
	// ReadAll marks what is open as read, up to the notice seen last.
	ReadAll(ctx context.Context, last string) error
	// Prefer sets how kinds of notice reach whoever asks by mail.
	Prefer(ctx context.Context, modes map[string]string) error

	Post(ctx context.Context) (PostPage, error)
	// TestMail sends a mail to whoever asks.
	TestMail(ctx context.Context) error
	// AddWebhook adds a webhook and returns its secret, which is shown once; a
	// RefusalError for an address that is none.
	AddWebhook(ctx context.Context, address string) (secret string, err error)
	// RotateWebhook gives a webhook another secret and returns it, which is shown once.
	RotateWebhook(ctx context.Context, id string) (secret string, err error)
	RemoveWebhook(ctx context.Context, id string) error
	TestWebhook(ctx context.Context, id string) error
}

// An InboxPage is one part of an inbox.
type InboxPage struct {
	Notices []InboxNotice
	Next    string // id to go on after, "" at the end
	Kinds   []NoticeKind
	Mail    string // address of whoever asks, "" if there is none
	Server  bool   // there is a mail server
}

// An InboxNotice is one of them.
type InboxNotice struct {
	ID       string
	Words    lang.Message
	Path     string
	Severity string // info, warning, urgent
	At       time.Time
	Snoozed  time.Time
	Settled  time.Time // since when what it tells of is over
}

// A NoticeKind is a kind of notice and how it comes by mail: now, daily, off.
type NoticeKind struct{ Kind, Mode string }

// A PostPage says how notices leave.
type PostPage struct {
	Server, Security, From string // of mail; "" without a server
	Mail                   string // address of whoever asks
	Webhooks               []Webhook
}

// A Webhook is a system that is told by HTTP.
type Webhook struct {
	ID, Host, KeyID, By string
	Created, Last       time.Time
	Status              int
	Error               string
	Failing             time.Time
	Former              string    // key of the secret before, which signs too, "" if there is none
	FormerUntil         time.Time // and how long
}

// inboxParts are the parts of an inbox in the order in which they are shown.
var inboxParts = []string{"open", "snoozed", "read"}

// inboxPage shows the inbox of whoever asks.
func (s *server) inboxPage(v *visit) error {
	q := v.r.URL.Query()
	part := orElse(q.Get("part"), inboxParts[0])
	inbox, err := s.Notices.Inbox(v.r.Context(), part, q.Get("before"))
	if err != nil {
		return err
	}
	return v.show(page{title: v.p.T("notice.title"), lead: v.p.T("notice.lead")}, inboxBody(v, inbox, part))
}

// inboxMark does to one notice, or to all, what a button says.
func (s *server) inboxMark(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := v.r.PostForm
	back := parseAddress("/notices").with("part", f.Get("part")).String()
	if f.Get("do") == "all" {
		if err := s.Notices.ReadAll(v.r.Context(), f.Get("last")); err != nil {
			return err
		}
		return v.back(back, "")
	}
	if err := s.Notices.Mark(v.r.Context(), f.Get("id"), f.Get("do")); err != nil {
		return err
	}
	return v.back(back, "")
}

// inboxPrefer sets how notices come by mail.
func (s *server) inboxPrefer(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	modes := map[string]string{}
	for key := range v.r.PostForm {
		if kind, ok := strings.CutPrefix(key, "kind."); ok {
			modes[kind] = v.r.PostForm.Get(key)
		}
	}
	if err := s.Notices.Prefer(v.r.Context(), modes); err != nil {
		return err
	}
	return v.back("/notices", "notice_prefer")
}

// postPage shows how notices leave.
func (s *server) postPage(v *visit) error { return v.showPost(postForm{}) }

// A postForm is what came of a form of the page.
type postForm struct {
	address, secret string
	rotated         bool // the secret is in the place of another
	wrong           map[string]string
}

func (v *visit) showPost(f postForm) error {
	post, err := v.Notices.Post(v.r.Context())
	if err != nil {
		return err
	}
	pg := page{title: v.p.T("nav.notices"), lead: v.p.T("post.lead"), section: "/settings/notices"}
	if f.wrong != nil {
		pg.status = 400
	}
	return v.show(pg, postBody(v, post, f))
}

// postTest sends a mail to whoever asks, or calls a webhook. What went wrong is what
// they want to know: it is no error of the page.
func (s *server) postTest(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	id, done := v.r.PostForm.Get("id"), "webhook_tested"
	var err error
	if id == "" {
		done, err = "mail_tested", s.Notices.TestMail(v.r.Context())
	} else {
		err = s.Notices.TestWebhook(v.r.Context(), id)
	}
	switch kind := fault.Of(err); {
	case err == nil:
		return v.back("/settings/notices", done)
	case kind == fault.NotFound || kind == fault.Internal:
		return err
	}
	post, perr := v.Notices.Post(v.r.Context())
	if perr != nil {
		return perr
	}
	pg := page{title: v.p.T("nav.notices"), lead: v.p.T("post.lead"), section: "/settings/notices"}
	pg.notices = []face.Notice{{Tone: face.Trouble, Title: v.p.T("post.test_failed"), Text: err.Error()}}
	return v.show(pg, postBody(v, post, postForm{}))
}

// postAdd adds a webhook and shows its secret.
func (s *server) postAdd(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	f := postForm{address: strings.TrimSpace(v.r.PostForm.Get("address"))}
	var err error
	f.secret, err = s.Notices.AddWebhook(v.r.Context(), f.address)
	if f.wrong = v.refused(err); f.wrong == nil && err != nil {
		return err
	}
	if f.wrong == nil {
		f.address = ""
	}
	return v.showPost(f)
}

// postRotate gives a webhook another secret and shows it.
func (s *server) postRotate(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	secret, err := s.Notices.RotateWebhook(v.r.Context(), v.r.PostForm.Get("id"))
	if err != nil {
		return err
	}
	return v.showPost(postForm{secret: secret, rotated: true})
}

// keyOf says which secret of a webhook signs, and which besides.
func (v *visit) keyOf(h Webhook) face.Fact {
	f := face.Fact{Label: v.p.T("post.key"), Value: h.KeyID, Code: true}
	if h.Former != "" {
		f.Origin = v.p.T("post.former", lang.Args{"key": h.Former, "until": v.p.DateTime(v.local(h.FormerUntil))})
	}
	return f
}

// postRemove removes a webhook.
func (s *server) postRemove(v *visit) error {
	if err := v.r.ParseForm(); err != nil {
		return fault.As(fault.Invalid, err)
	}
	if err := s.Notices.RemoveWebhook(v.r.Context(), v.r.PostForm.Get("id")); err != nil {
		return err
	}
	return v.back("/settings/notices", "webhook_removed")
}

// waiting returns how many notices wait, 0 if that cannot be found out: the page
// matters more.
func (v *visit) waiting() int {
	if v.Notices == nil || v.who.ID == "" {
		return 0
	}
	n, err := v.Notices.Unread(v.r.Context())
	if err != nil {
		v.Log.WarnContext(v.r.Context(), "unread notices", "request_id", RequestID(v.r.Context()), "error", err)
	}
	return n
}

// modes are the ways a notice can come by mail.
func (v *visit) modes() []face.Choice {
	var all []face.Choice
	for _, m := range []string{"now", "daily", "off"} {
		all = append(all, face.Choice{Code: m, Label: v.p.T("notice.mode_" + m)})
	}
	return all
}

// result says how the last call of a webhook went.
func (v *visit) result(h Webhook) string {
	switch {
	case h.Last.IsZero():
		return v.p.T("post.never")
	case h.Error == "":
		return v.p.T("post.good", lang.Args{"at": v.p.DateTime(v.local(h.Last))})
	}
	return v.p.T("post.bad", lang.Args{"at": v.p.DateTime(v.local(h.Last)), "why": h.Error})
}
