package main

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// A setting is a flag with the tag `setting:""`. Its value comes from the command
// line, or else from the environment (RADAGORA_HTTP for --http), or else from the
// file that --config or RADAGORA_CONFIG names (key http), or else it is the
// default. Two more tags keep secrets off the command line, which other users of
// the machine can read: `secret:""` refuses the flag there, `dsn:""` refuses a
// password in it.
const (
	tagSetting = "setting"
	tagSecret  = "secret"
	tagDSN     = "dsn"

	fileFlag = "config"
)

// settings are what `radagora serve` has to know. `radagora config check` takes
// the same and shows where each value came from.
type settings struct {
	Data         string   `setting:"" default:"./data" help:"Folder for everything that is kept."`
	DB           string   `setting:"" dsn:"" placeholder:"DSN" help:"Database, sqlite:/path/file.db or postgres://…; without it, SQLite in the data folder."`
	HTTP         string   `setting:"" default:"127.0.0.1:8080" help:"Listen here for the pages."`
	DICOM        string   `setting:"" default:":11112" help:"Listen here for DICOM associations."`
	AE           string   `setting:"" default:"RADAGORA" help:"Our application entity title."`
	Peer         []string `setting:"" placeholder:"TITLE=HOST:PORT" help:"A system we may call; can be repeated."`
	OwnTitle     []string `setting:"" name:"own-title" sep:"none" placeholder:"TITLE=SERVICES" help:"A further title of ours with services of its own, such as DOSE=store+commitment;keep=reports;from=CT1+CT2; can be repeated. Services: store, find, retrieve, worklist, mpps, commitment."`
	TLSCert      string   `setting:"" name:"tls-cert" placeholder:"FILE" help:"Certificate (PEM) for pages and DICOM over TLS; read again when it changes."`
	TLSKey       string   `setting:"" name:"tls-key" placeholder:"FILE" help:"Its private key (PEM)."`
	TLSClientCA  string   `setting:"" name:"tls-client-ca" placeholder:"FILE" help:"Certificates (PEM) that vouch for those of peers. With it, DICOM over TLS asks each peer for one."`
	ExpiredPeer  []string `setting:"" name:"expired-peer" placeholder:"TITLE" help:"A peer that we call although the certificate known of it has expired; can be repeated."`
	DICOMTLS     string   `setting:"" name:"dicom-tls" placeholder:"ADDR" help:"Listen here for DICOM associations over TLS, such as :2762."`
	MLLP         string   `setting:"" name:"mllp" placeholder:"ADDR" help:"Listen here for HL7 v2 messages (MLLP), such as 127.0.0.1:2575."`
	MLLPTLS      string   `setting:"" name:"mllp-tls" placeholder:"ADDR" help:"Listen here for HL7 v2 messages over TLS, such as :2576."`
	PublicURL    string   `setting:"" name:"public-url" placeholder:"URL" help:"How browsers reach the pages, such as https://dose.hospital.example; without it, the address listened on."`
	TrustedProxy []string `setting:"" name:"trusted-proxy" placeholder:"ADDR" help:"Address or network of a proxy in front of the pages, such as 127.0.0.1, whose X-Forwarded-For is believed; can be repeated."`
	Reach        []string `setting:"" name:"reach" placeholder:"HOST" help:"A private address, network or host we may call over HTTP, mail or syslog, such as 10.0.0.0/8 or mail.hospital.example; can be repeated."`
	IDP          string   `setting:"" name:"idp" placeholder:"FILE" help:"Identity providers (YAML) with which people sign in; see docs/operate/sign-in.md."`
	AllowOrigin  []string `setting:"" name:"allow-origin" placeholder:"URL" help:"A site whose pages may ask DICOMweb with a token, such as https://viewer.hospital.example; can be repeated."`
	OpenIn       []string `setting:"" name:"open-in" sep:"none" placeholder:"NAME=ADDRESS" help:"A viewer that opens studies from their page, its address with {study}, {dicomweb}, {token} and {zip}; see docs/dicomweb.md; can be repeated."`
	NoAuth       bool     `setting:"" help:"Let everybody in without sign-in; refused on an address that is not loopback."`
	Minimise     bool     `setting:"" help:"Keep nobody's name, patient ID, birth date or accession number, only keyed hashes and ages. Decided at the first start, for good."`
	mailSettings
	statusSettings
	backupSettings
	auditSettings
	storageSettings
	copySettings

	restoring bool // the data folder is opened to end a restore
	shared    bool // the command keeps no object, so it may work while another process serves from the folder

	demo bool // --demo: from this machine everybody may send
}

// envName returns the environment variable of a flag.
func envName(flag string) string {
	return "RADAGORA_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// nameSettings gives each setting its environment variable.
func nameSettings(k *kong.Kong) error {
	return kong.Visit(k.Model, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok && (flag.Tag.Has(tagSetting) || flag.Name == fileFlag) {
			flag.Envs = []string{envName(flag.Name)}
			flag.Tag.Envs = flag.Envs
		}
		return next(nil)
	})
}

// resolveSettings runs after the command line was read and before anything else
// is. It refuses secrets there, and reads the file.
func resolveSettings(ctx *kong.Context, sys *system) error {
	for _, path := range ctx.Path {
		if path.Flag == nil {
			continue
		}
		if err := public(path.Flag, ctx.FlagValue(path.Flag)); err != nil {
			return err
		}
	}
	i := slices.IndexFunc(ctx.Flags(), func(f *kong.Flag) bool { return f.Name == fileFlag })
	if i < 0 {
		return nil
	}
	name, _ := ctx.FlagValue(ctx.Flags()[i]).(string)
	if name == "" {
		return nil
	}
	file, err := readSettings(name, known(ctx.Model))
	if err != nil {
		return err
	}
	ctx.AddResolver(file)
	sys.file = file
	return nil
}

// public refuses what must not be seen in a list of processes.
func public(flag *kong.Flag, value any) error {
	text, _ := value.(string)
	switch {
	case flag.Tag.Has(tagSecret):
		return fmt.Errorf("--%s is a secret: give it in %s or in the file", flag.Name, envName(flag.Name))
	case flag.Tag.Has(tagDSN) && redact(text) != text:
		return fmt.Errorf("--%s may hold a password: give it in %s or in the file", flag.Name, envName(flag.Name))
	}
	return nil
}

// known returns the settings of all commands by name.
func known(app *kong.Application) map[string]*kong.Flag {
	all := map[string]*kong.Flag{}
	// The visitor returns no error of its own, so Visit returns none.
	_ = kong.Visit(app, func(node kong.Visitable, next kong.Next) error {
		if flag, ok := node.(*kong.Flag); ok && flag.Tag.Has(tagSetting) {
			all[flag.Name] = flag
		}
		return next(nil)
	})
	return all
}

// passwordIn finds the password of a DSN in words, or in the query of one that
// is a URL.
var passwordIn = regexp.MustCompile(`(?i)((?:^|[\s?&])(?:ssl)?password\s*=\s*)('(?:[^'\\]|\\.)*'|[^\s&]*)`)

// redact returns dsn with its password hidden, and unchanged if it has none.
func redact(dsn string) string {
	dsn = passwordIn.ReplaceAllString(dsn, "${1}xxxxx")
	if !strings.Contains(dsn, "://") {
		return dsn
	}
	u, err := url.Parse(dsn)
	if err != nil {
		return "[unreadable]" // the error would quote it
	}
	if _, has := u.User.Password(); !has {
		return dsn
	}
	return u.Redacted()
}
