package notice

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"regexp"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"radagora/access"
	"radagora/db"
	"radagora/fault"
	"radagora/job"
	"radagora/lang"
	"radagora/outgoing"
)

// The ways to secure a connection to the mail server.
const (
	STARTTLS = "starttls" // RFC 3207; refused if the server does not offer it
	TLS      = "tls"      // from the first byte (RFC 8314 §3.3)
	Plain    = "none"     // for a relay within the house; never with a password
)

// Mail are the settings of the mail server. The zero value means no mails.
type Mail struct {
	Host     string
	Port     int    // 0 means 587, 465 with TLS, 25 with Plain
	Security string // STARTTLS, TLS or Plain; "" means STARTTLS
	User     string // "" means that the server asks for no name
	Password string
	From     string // the address mails come from
}

// On reports whether there are mails.
func (m Mail) On() bool { return m.Host != "" }

// Address returns host and port as a dialler takes them, for outgoing.Options.Allow:
// a mail server stands in the settings, so it may be private.
func (m Mail) Address() string { return net.JoinHostPort(m.Host, strconv.Itoa(m.port())) }

func (m Mail) port() int {
	if m.Port != 0 {
		return m.Port
	}
	switch m.Security {
	case TLS:
		return 465
	case Plain:
		return 25
	}
	return 587
}

// check refuses settings that cannot be.
func (m Mail) check() error {
	if m == (Mail{}) {
		return nil
	}
	_, err := mail.ParseAddress(m.From)
	switch {
	case m.Host == "":
		return fault.Errorf(fault.Invalid, "mail: the host is missing")
	case err != nil:
		return fault.Errorf(fault.Invalid, "mail: the address that mails come from is missing or none")
	case m.Port < 0 || m.Port > 65535:
		return fault.Errorf(fault.Invalid, "mail: port %d is none", m.Port)
	case m.Security != "" && m.Security != STARTTLS && m.Security != TLS && m.Security != Plain:
		return fault.Errorf(fault.Invalid, "mail: security is %s, %s or %s", STARTTLS, TLS, Plain)
	case m.Security == Plain && m.Password != "":
		return fault.Errorf(fault.Invalid, "mail: a password does not go over a connection without TLS: use %s", STARTTLS)
	case (m.User == "") != (m.Password == ""):
		return fault.Errorf(fault.Invalid, "mail: a name and a password belong together")
	}
	return nil
}

// A mailing is a mail to be sent: of one notice, or of a day's for an account.
type mailing struct {
	Notice  string `json:"notice,omitempty"`
	Account string `json:"account,omitempty"`
}

// mailOne sends the mail of one notice, unless the person has read it meanwhile.
func (n *Notices) mailOne(ctx context.Context, j job.Job) error {
	var m mailing
	if err := json.Unmarshal(j.Args, &m); err != nil {
		return fault.Errorf(fault.Invalid, "send mail: arguments that cannot be read")
	}
	var account string
	err := n.db.QueryRow(ctx, `select account_id from notice where notice_id = $1 and read_at = 0 and mail = 'now'`, m.Notice).Scan(&account)
	if err != nil && fault.Of(err) == fault.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	return n.mailTo(ctx, account, `account_id = $1 and notice_id = $2 and cast($3 as bigint) >= 0`, m.Notice)
}

// mailDigest sends what waits for an account in one mail.
func (n *Notices) mailDigest(ctx context.Context, j job.Job) error {
	var m mailing
	if err := json.Unmarshal(j.Args, &m); err != nil {
		return fault.Errorf(fault.Invalid, "send digest: arguments that cannot be read")
	}
	return n.mailTo(ctx, m.Account, `account_id = $1 and $2 = '' and mail = 'daily' and read_at = 0 and settled_at = 0 and snoozed_until <= $3`, "")
}

// mailTo sends the notices that where finds to their account, and marks them.
func (n *Notices) mailTo(ctx context.Context, account, where, id string) error {
	all, err := db.List(ctx, n.db, scanNotice, `select notice_id, site_id, kind, args, path, severity, created_at, read_at, snoozed_until, settled_at, mail
		from notice where `+where+` order by notice_id desc limit 100`, account, id, db.Millis(n.o.Now()))
	if err != nil || len(all) == 0 {
		return err
	}
	to, err := n.o.People.User(ctx, account)
	if err != nil {
		return fmt.Errorf("mail to account %s: %w", account, err)
	}
	if !to.Ended.IsZero() || to.Mail == "" {
		return nil // the inbox has it
	}
	p := n.printer(to)
	if err := n.o.Mail.send(ctx, n.o.Outgoing, n.letter(p, to, all)); err != nil {
		return fmt.Errorf("mail to account %s: %w", account, err)
	}
	return n.db.Write(ctx, func(tx *db.Tx) error {
		for _, x := range all {
			if _, err := tx.Exec(ctx, `update notice set mail = 'sent' where notice_id = $1`, x.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// printer speaks the language of an account.
func (n *Notices) printer(to access.User) *lang.Printer {
	return n.o.Catalogue.Printer(n.o.Catalogue.Match(to.Language, ""))
}

// A letter is a mail before it is sent.
type letter struct {
	to, subject, body string
	urgent            bool
	at                time.Time
}

// letter writes a mail. Its subject says nothing but that something waits.
func (n *Notices) letter(p *lang.Printer, to access.User, all []Notice) letter {
	l := letter{to: to.Mail, subject: p.T("notice.mail.subject", lang.Args{"n": len(all)}), at: n.o.Now()}
	var b strings.Builder
	for _, x := range all {
		l.urgent = l.urgent || x.Severity == Urgent
		fmt.Fprintf(&b, "%s\n%s\n\n", p.Say(x.Words()), n.link(x.Path))
	}
	fmt.Fprintf(&b, "--\n%s\n%s\n", p.T("notice.mail.why"), n.link("/notices"))
	l.body = b.String()
	return l
}

// link returns the address of a page.
func (n *Notices) link(path string) string {
	path, section, _ := strings.Cut(path, "#")
	u := n.base.JoinPath(path)
	u.Fragment = section
	return u.String()
}

// TestMail sends a mail to an account now and says how that went. It is Invalid if
// the account has no address, and Unsupported without settings.
func (n *Notices) TestMail(ctx context.Context, account string) error {
	to, err := n.o.People.User(ctx, account)
	switch {
	case err != nil:
		return err
	case !n.o.Mail.On():
		return fault.Errorf(fault.Unsupported, "mail: no server in the settings")
	case to.Mail == "":
		return fault.Errorf(fault.Invalid, "mail: the account has no address")
	}
	test := Notice{Kind: TestKind, Path: "/settings/notices", Severity: Info}
	return n.o.Mail.send(ctx, n.o.Outgoing, n.letter(n.printer(to), to, []Notice{test}))
}

// send sends a letter. It is Invalid if the server refuses it for good, Forbidden if
// outgoing refuses the server, otherwise Unavailable.
func (m Mail) send(ctx context.Context, out *outgoing.Client, l letter) error {
	if !m.On() {
		return fault.Errorf(fault.Unsupported, "mail: no server in the settings")
	}
	msg, err := m.message(l)
	if err != nil {
		return err
	}
	c, err := m.client(out)
	if err != nil {
		return fault.Errorf(fault.Invalid, "mail: %w", err)
	}
	return reason(c.DialAndSendWithContext(ctx, msg))
}

// message makes the mail as RFC 5322 wants it, and marks it as sent by a program
// (RFC 3834 §5), so that no absence notice answers.
func (m Mail) message(l letter) (*gomail.Msg, error) {
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if msg.From(m.From) != nil || msg.To(l.to) != nil { // their texts quote the address
		return nil, fault.Errorf(fault.Invalid, "mail: the address it comes from or goes to is none")
	}
	msg.Subject(l.subject)
	msg.SetDateWithValue(l.at)
	msg.SetMessageIDWithValue(db.NewID() + "@" + m.domain())
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	if l.urgent {
		msg.SetImportance(gomail.ImportanceHigh)
	}
	msg.SetBodyString(gomail.TypeTextPlain, l.body)
	return msg, nil
}

// domain returns what follows the @ of the address mails come from.
func (m Mail) domain() string {
	if a, err := mail.ParseAddress(m.From); err == nil {
		if _, domain, ok := strings.Cut(a.Address, "@"); ok {
			return domain
		}
	}
	return m.Host
}

// client returns the client of the library, which dials through out.
func (m Mail) client(out *outgoing.Client) (*gomail.Client, error) {
	o := []gomail.Option{
		gomail.WithPort(m.port()), gomail.WithTimeout(30 * time.Second), gomail.WithHELO(m.domain()),
		gomail.WithTLSConfig(out.TLS(m.Host)), gomail.WithoutNoop(),
	}
	dial := out.Dial
	switch m.Security {
	case TLS:
		o = append(o, gomail.WithTLSPolicy(gomail.NoTLS)) // it is there already
		dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			return dialTLS(ctx, out, network, address, m.Host)
		}
	case Plain:
		o = append(o, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		o = append(o, gomail.WithTLSPolicy(gomail.TLSMandatory))
	}
	if m.User != "" {
		o = append(o, gomail.WithUsername(m.User), gomail.WithPassword(m.Password), gomail.WithOpportunisticSMTPAuth(
			gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin, gomail.SMTPAuthCramMD5))
	}
	return gomail.NewClient(m.Host, append(o, gomail.WithDialContextFunc(dial))...)
}

func dialTLS(ctx context.Context, out *outgoing.Client, network, address, host string) (net.Conn, error) {
	conn, err := out.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	secure := tls.Client(conn, out.TLS(host))
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return secure, nil
}

// reason returns err without the addresses that the texts of the library and of
// servers hold, and says whether it is worth trying again.
func reason(err error) error {
	if err == nil {
		return nil
	}
	if r, ok := errors.AsType[*outgoing.RefusedError](err); ok {
		return fault.As(fault.Forbidden, r)
	}
	if s, ok := errors.AsType[*gomail.SendError](err); ok {
		kind := fault.Unavailable
		if !s.IsTemp() && s.ErrorCode() >= 500 {
			kind = fault.Invalid
		}
		return fault.Errorf(kind, "the mail server answered %d %s: %s", s.ErrorCode(), s.EnhancedStatusCode(), s.Reason)
	}
	if cert, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return fault.Errorf(fault.Unavailable, "mail server: %w", cert)
	}
	return fault.Errorf(fault.Unavailable, "mail server: %s", addresses.ReplaceAllString(err.Error(), "…"))
}

// addresses finds mail addresses in the texts of errors.
var addresses = regexp.MustCompile(`[^\s<>,;:"]+@[^\s<>,;:"]+`)
