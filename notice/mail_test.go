package notice_test

import (
	"crypto/tls"
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"radagora/access"
	"radagora/db"
	"radagora/db/dbtest"
	"radagora/fault"
	"radagora/job"
	"radagora/notice"
	"radagora/outgoing"
)

// posted opens a house that mails through b.
func posted(t *testing.T, d *db.DB, b *mailbox, pool *x509.CertPool, change func(*notice.Mail)) *house {
	t.Helper()
	return open(t, d, func(o *notice.Options, out *outgoing.Options) {
		out.RootCAs = pool
		o.Mail = notice.Mail{Host: "127.0.0.1", Port: b.port(), From: "Radagora <radagora@hospital.example>", User: "relay", Password: "secret"}
		if change != nil {
			change(&o.Mail)
		}
	})
}

var opened = notice.Message{
	Roles: []access.Role{access.Physicist}, Site: "north", Kind: "access.glass.opened", Path: "/settings/glass", Severity: notice.Urgent,
}

func TestMail(t *testing.T) {
	t.Parallel()
	pool, cert := authority(t)
	secure := &tls.Config{Certificates: []tls.Certificate{cert}}
	for _, c := range []struct {
		name   string
		box    *mailbox
		change func(*notice.Mail)
		secure bool
	}{
		{"over STARTTLS", &mailbox{tls: secure, offer: true}, nil, true},
		{"over TLS", &mailbox{tls: secure, implicit: true}, func(m *notice.Mail) { m.Security = notice.TLS }, true},
		{"in the house, without", &mailbox{}, func(m *notice.Mail) { m.Security, m.User, m.Password = notice.Plain, "", "" }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				box := &mailbox{tls: c.box.tls, offer: c.box.offer, implicit: c.box.implicit}
				h := posted(t, d, box.start(t), pool, c.change)
				h.send(opened)
				until(t, "two mails", func() bool { return len(box.got()) == 2 })
				for _, m := range box.got() {
					if m.secure != c.secure || c.secure && (m.user != "relay" || m.password != "secret") {
						t.Errorf("secure %v, signed in as %q; want TLS and sign-in", m.secure, m.user)
					}
					checkLetter(t, m)
				}
				until(t, "marked", func() bool { return h.inbox("berta", notice.ViewOpen)[0].Mail == "sent" })
			})
		})
	}
}

// checkLetter checks one mail of TestMail.
func checkLetter(t *testing.T, m received) {
	t.Helper()
	words := map[string][2]string{
		"TO:<berta@hospital.example>": {"Radagora: etwas wartet auf Sie", "Jemand hat im Notfall eine Akte geöffnet."},
		"TO:<dora@hospital.example>":  {"Radagora\u00a0: quelque chose vous attend", "Quelqu'un a ouvert un dossier en urgence."},
	}
	want, known := words[m.to]
	if !known || m.subject != want[0] || !strings.Contains(m.letter, want[1]) {
		t.Errorf("to %s: %q: %s", m.to, m.subject, m.letter)
	}
	for _, link := range []string{"https://dose.hospital.example/settings/glass", "https://dose.hospital.example/notices"} {
		if !strings.Contains(m.letter, link) {
			t.Errorf("to %s: no link to %s in %s", m.to, link, m.letter)
		}
	}
	for key, value := range map[string]string{"Auto-Submitted": "auto-generated", "Importance": "high", "From": `"Radagora" <radagora@hospital.example>`} {
		if got := m.header.Get(key); got != value {
			t.Errorf("%s = %q; want %q", key, got, value)
		}
	}
	if id := m.header.Get("Message-ID"); !strings.HasSuffix(id, "@hospital.example>") {
		t.Errorf("Message-ID = %q", id)
	}
}

func TestMailRefusals(t *testing.T) {
	t.Parallel()
	pool, cert := authority(t)
	secure := &tls.Config{Certificates: []tls.Certificate{cert}}
	for _, c := range []struct {
		name, reason string
		box          *mailbox
		pool         *x509.CertPool
		attempts     int
	}{
		{"a server without STARTTLS hears no password", "mail server:", &mailbox{}, pool, 3},
		{"a server nobody vouches for", "mail server:", &mailbox{tls: secure, offer: true}, x509.NewCertPool(), 3},
		{"an address the server does not know", "the mail server answered 550", &mailbox{tls: secure, offer: true, refuse: "550 5.1.1 <berta@hospital.example> unknown"}, pool, 1},
		{"a server that is busy", "the mail server answered 451", &mailbox{tls: secure, offer: true, refuse: "451 4.3.0 later"}, pool, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dbtest.Run(t, func(t *testing.T, d *db.DB) {
				box := &mailbox{tls: c.box.tls, offer: c.box.offer, refuse: c.box.refuse}
				h := posted(t, d, box.start(t), c.pool, nil)
				m := opened
				m.To, m.Roles = []string{"berta"}, nil
				h.send(m)
				var dead []job.Status
				until(t, "given up", func() bool {
					dead, _ = h.q.List(t.Context(), job.Filter{State: job.Dead})
					return len(dead) == 1
				})
				got := dead[0]
				if !strings.Contains(got.Reason, c.reason) || got.Attempt != c.attempts || strings.Contains(got.Reason, "@") || strings.Contains(got.Reason, "secret") {
					t.Errorf("given up after %d attempts: %s; want %d and %q, without addresses", got.Attempt, got.Reason, c.attempts, c.reason)
				}
				for _, verb := range box.seen {
					if verb == "AUTH" && box.tls == nil {
						t.Error("the password went over a connection without TLS")
					}
				}
				if len(h.inbox("berta", notice.ViewOpen)) != 1 {
					t.Error("it is not in the inbox either")
				}
			})
		})
	}
}

func TestWhoGetsNoMail(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		box := (&mailbox{}).start(t)
		h := posted(t, d, box, nil, func(m *notice.Mail) { m.Security, m.User, m.Password = notice.Plain, "", "" })
		if err := h.n.Prefer(t.Context(), "berta", map[string]notice.Mode{"access.glass.opened": notice.Off}); err != nil {
			t.Fatal(err)
		}
		m := opened
		m.To, m.Roles = []string{"berta", "carl", "gone", "nobody"}, nil
		h.send(m)
		h.quiet()
		if len(h.inbox("berta", notice.ViewOpen)) != 1 || len(h.inbox("carl", notice.ViewOpen)) != 1 || len(h.inbox("gone", notice.ViewOpen)) != 0 {
			t.Error("the inbox has it, whoever gets a mail")
		}
		if n := len(box.got()); n != 0 {
			t.Errorf("%d mails; want none: off, no address, gone, unknown", n)
		}
	})
}

func TestDigest(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		box := (&mailbox{}).start(t)
		h := posted(t, d, box, nil, func(m *notice.Mail) { m.Security, m.User, m.Password = notice.Plain, "", "" })
		for range 3 {
			h.send(knocked) // daily, to berta and dora
		}
		h.quiet()
		if n := len(box.got()); n != 0 {
			t.Errorf("%d mails at once; want them in the morning", n)
		}
		if err := h.n.Read(t.Context(), "berta", h.inbox("berta", notice.ViewOpen)[0].ID, true); err != nil {
			t.Fatal(err)
		}
		h.ahead.Store(int64(24 * time.Hour))
		until(t, "two digests", func() bool { return len(box.got()) == 2 })
		h.quiet() // that they were sent is noted: a day later nobody else takes the jobs up
		for _, m := range box.got() {
			n := strings.Count(m.letter, "CT_7")
			if berta := m.to == "TO:<berta@hospital.example>"; berta && n != 2 || !berta && n != 3 {
				t.Errorf("to %s: %d lines; want what is unread", m.to, n)
			}
		}
		h.ahead.Store(int64(48 * time.Hour))
		h.quiet()
		if n := len(box.got()); n != 2 {
			t.Errorf("%d mails; want each notice mailed once", n)
		}
	})
}

func TestTestMail(t *testing.T) {
	t.Parallel()
	dbtest.Run(t, func(t *testing.T, d *db.DB) {
		box := (&mailbox{}).start(t)
		h := posted(t, d, box, nil, func(m *notice.Mail) { m.Security, m.User, m.Password = notice.Plain, "", "" })
		if err := h.n.TestMail(t.Context(), "adam"); err != nil || len(box.got()) != 1 {
			t.Errorf("TestMail = %v, %d mails", err, len(box.got()))
		}
		if err := h.n.TestMail(t.Context(), "carl"); fault.Of(err) != fault.Invalid {
			t.Errorf("TestMail without address = %v; want invalid", err)
		}
		if err := open(t, d, nil).n.TestMail(t.Context(), "adam"); fault.Of(err) != fault.Unsupported {
			t.Errorf("TestMail without server = %v; want unsupported", err)
		}
	})
}
