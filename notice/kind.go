package notice

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"

	"radagora/fault"
	"radagora/lang"
)

// A Mode says how a kind of notice reaches a person by mail.
type Mode string

// The modes.
const (
	Now   Mode = "now"
	Daily Mode = "daily" // with the others, once a day
	Off   Mode = "off"   // in the inbox only
)

// A kind is one that messages may be of: what its arguments are, and how it reaches
// people who did not say.
type kind struct {
	args map[string]rule
	mail Mode
}

// kinds are all the kinds of notice there are, and all that may stand in one. It is
// the place to look for what leaves by mail: a new row is a decision. The text is
// the message notice.kind.<name> of the catalogue.
var kinds = map[string]kind{
	"access.glass.opened":        {mail: Now}, // to the data-protection officer
	"access.account.locked":      {mail: Now},
	"access.account.changed":     {mail: Now}, // to its owner: password, passkey, mail address
	"access.signin.new":          {mail: Now}, // to its owner: from where nobody signed in before
	"access.token.expiring":      {args: map[string]rule{"day": day}, mail: Daily},
	"privacy.request.due":        {args: map[string]rule{"day": day}, mail: Now},
	"privacy.breach.due":         {args: map[string]rule{"n": number}, mail: Now}, // hours left
	"privacy.request.over":       {args: map[string]rule{"day": day}, mail: Now},
	"privacy.breach.over":        {args: map[string]rule{"day": day}, mail: Now},
	"privacy.party.review":       {args: map[string]rule{"day": day}, mail: Daily},
	"privacy.erasure.unfinished": {mail: Daily},
	"site.peer.knocked":          {args: map[string]rule{"title": title}, mail: Daily},
	"feed.webhook.paused":        {args: map[string]rule{"what": host}, mail: Now},
	"audit.action.due":           {args: map[string]rule{"day": day}, mail: Now},
	"audit.reaudit.due":          {args: map[string]rule{"day": day}, mail: Now},
	"finding.owner.named":        {args: map[string]rule{"n": number}, mail: Daily},
	"finding.action.due":         {args: map[string]rule{"day": day}, mail: Daily},
	"storage.retention.due":      {args: map[string]rule{"n": number}, mail: Daily},
	"status.disk.full":           {args: map[string]rule{"n": number}, mail: Now}, // per cent left
	"status.backup.old":          {args: map[string]rule{"n": number}, mail: Now}, // days
	"status.backup.none":         {mail: Daily},
	"status.backup.failed":       {mail: Now},
	"status.certificate.ends":    {args: map[string]rule{"what": host, "day": day}, mail: Now},
	"status.journal.stuck":       {args: map[string]rule{"what": word}, mail: Now},
	"status.journal.broken":      {mail: Now},
	"status.job.dead":            {args: map[string]rule{"n": number}, mail: Daily},
	"status.clock.wrong":         {args: map[string]rule{"n": number}, mail: Now}, // seconds
	"status.webhook.failing":     {args: map[string]rule{"what": host}, mail: Daily},
	"status.peer.silent":         {args: map[string]rule{"title": title, "day": day}, mail: Daily},
	"status.storage.full":        {mail: Now},
	"status.storage.damaged":     {args: map[string]rule{"n": number}, mail: Now}, // objects
	"status.storage.late":        {args: map[string]rule{"n": number}, mail: Now}, // packs
	"status.messages.silent":     {args: map[string]rule{"n": number}, mail: Now}, // senders
	"status.messages.waiting":    {args: map[string]rule{"n": number}, mail: Daily},
	"status.messages.stuck":      {args: map[string]rule{"n": number}, mail: Now}, // receivers
	"status.messages.refused":    {args: map[string]rule{"n": number}, mail: Daily},
	"dose.case.opened":           {args: map[string]rule{"n": number, "title": title, "what": word, "percent": number}, mail: Now}, // title is the room,
	"dose.case.more":             {args: map[string]rule{"n": number}, mail: Daily},
	"status.dose.copy":           {args: map[string]rule{"n": number}, mail: Daily}, // views
	"dose.line.early":            {args: map[string]rule{"title": title, "what": word, "percent": number}, mail: Now},
	TestKind:                     {mail: Now},
}

// TestKind is the kind of what TestMail and TestWebhook send.
const TestKind = "notice.mail.test"

// A rule says what an argument may be.
type rule uint8

// The rules.
const (
	number rule = iota // a whole number, written in digits
	day                // 2006-01-02
	title              // an AE title of capitals, as machines have
	host               // a host name or address, with a port or without
	word               // a word of the program, in lower case
)

// The forms of the rules that are text. None takes a caret, a comma or a space,
// which names in DICOM or on paper have.
var forms = map[rule]*regexp.Regexp{
	title: regexp.MustCompile(`^[A-Z0-9_.-]{1,16}$`),
	host:  regexp.MustCompile(`^[a-z0-9]([a-z0-9.:\[\]-]{0,250}[a-z0-9\]])?$`),
	word:  regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`),
}

// maxDigits is the most digits of a number: no identifier of a person is so short.
const maxDigits = 6

// allows reports whether v can be an argument of this rule.
func (r rule) allows(v string) bool {
	switch r {
	case number:
		n, err := strconv.Atoi(v)
		return err == nil && n >= 0 && len(v) <= maxDigits
	case day:
		_, err := time.Parse(time.DateOnly, v)
		return err == nil
	default:
		return forms[r].MatchString(v)
	}
}

// check refuses arguments the kind does not have, or lacks, or whose value cannot
// be. It does not repeat the value.
func (k kind) check(name string, args map[string]string) error {
	for key := range k.args {
		if _, given := args[key]; !given {
			return fault.Errorf(fault.Invalid, "notice %s: argument %s is missing", name, key)
		}
	}
	for key, v := range args {
		r, allowed := k.args[key]
		if !allowed {
			return fault.Errorf(fault.Invalid, "notice %s: an argument that its kind does not have", name)
		}
		if !r.allows(v) {
			return fault.Errorf(fault.Invalid, "notice %s: argument %s is not what its kind allows", name, key)
		}
	}
	return nil
}

// Kinds returns the names of all kinds, in order.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

// Usual returns how a kind reaches people who did not say.
func Usual(kind string) Mode { return kinds[kind].mail }

// Words returns what a notice says, for a printer.
func Words(name string, args map[string]string) lang.Message {
	m := lang.Message{Key: "notice.kind." + name, Args: lang.Args{}}
	for key, v := range args {
		m.Args[key] = v
		switch kinds[name].args[key] {
		case number:
			if n, err := strconv.Atoi(v); err == nil {
				m.Args[key] = n
			}
		case day:
			if t, err := time.Parse(time.DateOnly, v); err == nil {
				m.Args[key] = t
			}
		default: // as it is
		}
	}
	return m
}
