package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// trial is a command line with one setting of each kind.
type trial struct {
	File  string  `name:"config"`
	Log   logging `embed:"" prefix:"log-"`
	Serve struct {
		settings
		Token string `setting:"" secret:""`
	} `cmd:""`
}

// parse reads args into a trial, with env set and text in the settings file.
func parse(t *testing.T, env map[string]string, text string, args ...string) (*trial, error) {
	t.Helper()
	for name, value := range env {
		t.Setenv(name, value)
	}
	args = append([]string{"serve"}, args...)
	if text != "" {
		file := filepath.Join(t.TempDir(), "radagora.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--config", file)
	}
	var p trial
	var out bytes.Buffer
	parser, err := newParser(&p, &system{Out: &out, Err: &out})
	if err != nil {
		t.Fatal(err)
	}
	_, err = parser.Parse(args)
	return &p, err
}

func TestSettingsOrder(t *testing.T) {
	tests := []struct {
		name string
		env  map[string]string
		file string
		args []string
		want string
	}{
		{name: "the default", want: "127.0.0.1:8080"},
		{name: "the file wins over the default", file: "http: :1", want: ":1"},
		{name: "the environment wins over the file", env: map[string]string{"RADAGORA_HTTP": ":2"}, file: "http: :1", want: ":2"},
		{name: "the flag wins over all", env: map[string]string{"RADAGORA_HTTP": ":2"}, file: "http: :1", args: []string{"--http=:3"}, want: ":3"},
		{name: "a flag wins with its default too", file: "http: :1", args: []string{"--http=127.0.0.1:8080"}, want: "127.0.0.1:8080"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := parse(t, test.env, test.file, test.args...)
			if err != nil {
				t.Fatal(err)
			}
			if p.Serve.HTTP != test.want {
				t.Errorf("http = %q; want %q", p.Serve.HTTP, test.want)
			}
		})
	}
}

func TestSettingsFileValues(t *testing.T) {
	p, err := parse(t, nil, "# one of each\nno-auth: yes\npeer:\n  - PACS=10.0.0.1:104\n  - RIS=ris,x:11112\nlog-level: debug\ntoken: 007\n")
	if err != nil {
		t.Fatal(err)
	}
	if !p.Serve.NoAuth || p.Log.Level.String() != "DEBUG" || p.Serve.Token != "007" {
		t.Errorf("no-auth, log-level, token = %v, %v, %q; want true, DEBUG, 007", p.Serve.NoAuth, p.Log.Level, p.Serve.Token)
	}
	if d := cmp.Diff([]string{"PACS=10.0.0.1:104", "RIS=ris,x:11112"}, p.Serve.Peer); d != "" {
		t.Error(d)
	}
}

func TestSettingsRefused(t *testing.T) {
	const secret = "hunter2"
	tests := []struct {
		name string
		env  map[string]string
		file string
		args []string
		want string // in the error; the secret must not be
	}{
		{name: "an unknown key, with its line and a guess", file: "data: /d\nhtpp: :80\n", want: `radagora.yaml:2: unknown setting "htpp" (did you mean "http"?)`},
		{name: "a key written as in the environment", file: "NO_AUTH: true\n", want: `did you mean "no-auth"?`},
		{name: "nothing like it", file: "zzzzzzzz: 1\n", want: `unknown setting "zzzzzzzz"`},
		{name: "a key that stands twice", file: "ae: A\nae: B\n", want: "radagora.yaml:2: ae stands in line 1 too"},
		{name: "a mapping as value", file: "http:\n  port: 80\n", want: "radagora.yaml:1: http: want a plain value or a list"},
		{name: "an empty value", file: "http:\n", want: "radagora.yaml:1: http: want a plain value"},
		{name: "a list in a list", file: "peer: [[a]]\n", want: "want a list of plain values"},
		{name: "a list instead of names", file: "- http\n", want: "radagora.yaml:1: want lines of name: value"},
		{name: "no YAML, unquoted for the secrets in it", file: "token: \"" + secret + "\n\t: {\n", want: "not readable as YAML"},
		{name: "a file that is not there", args: []string{"--config=nowhere.yaml"}, want: "nowhere.yaml: no such file"},
		{name: "the file of the environment counts", env: map[string]string{"RADAGORA_CONFIG": "nowhere.yaml"}, want: "nowhere.yaml: no such file"},
		{name: "a secret on the command line", args: []string{"--token=" + secret}, want: "--token is a secret: give it in RADAGORA_TOKEN or in the file"},
		{name: "a password in a URL", args: []string{"--db=postgres://u:" + secret + "@h/d"}, want: "--db may hold a password: give it in RADAGORA_DB"},
		{name: "a password in a query", args: []string{"--db=postgres://h/d?sslmode=disable&password=" + secret}, want: "--db may hold"},
		{name: "a password in words", args: []string{"--db=host=h password = '" + secret + " x'"}, want: "--db may hold"},
		{name: "a password in what is no URL", args: []string{"--db=postgres://u:" + secret + "@h:%zz/d"}, want: "--db may hold"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := parse(t, test.env, test.file, test.args...)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error = %v; want %q in it", err, test.want)
			}
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error shows the secret: %v", err)
			}
		})
	}
}

func TestSecretsElsewhere(t *testing.T) {
	const dsn = "postgres://u:p@h/d"
	for _, test := range []struct {
		name string
		env  map[string]string
		file string
	}{
		{name: "environment", env: map[string]string{"RADAGORA_DB": dsn, "RADAGORA_TOKEN": "t"}},
		{name: "file", file: "db: " + dsn + "\ntoken: t\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := parse(t, test.env, test.file)
			if err != nil {
				t.Fatal(err)
			}
			if p.Serve.DB != dsn || p.Serve.Token != "t" {
				t.Errorf("db, token = %q, %q", p.Serve.DB, p.Serve.Token)
			}
		})
	}
}

func TestRedact(t *testing.T) {
	tests := []struct{ name, dsn, want string }{
		{"a file has none", "sqlite:/var/lib/radagora/radagora.db", "sqlite:/var/lib/radagora/radagora.db"},
		{"a URL without", "postgres://u@h:5432/d?sslmode=require", "postgres://u@h:5432/d?sslmode=require"},
		{"in the URL", "postgres://u:p@h/d", "postgres://u:xxxxx@h/d"},
		{"in the query", "postgres://h/d?password=p&sslmode=require", "postgres://h/d?password=xxxxx&sslmode=require"},
		{"of the key", "postgres://h/d?sslpassword=p", "postgres://h/d?sslpassword=xxxxx"},
		{"in words", "host=h Password='a b' user=u", "host=h Password=xxxxx user=u"},
		{"passfile is a path", "host=h passfile=/p", "host=h passfile=/p"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := redact(test.dsn); got != test.want {
				t.Errorf("redact = %q; want %q", got, test.want)
			}
		})
	}
}

// TestSettingsAgree keeps a name from meaning two things: the file has one key
// for all commands.
func TestSettingsAgree(t *testing.T) {
	parser, err := newParser(new(program), &system{})
	if err != nil {
		t.Fatal(err)
	}
	meaning := map[string]string{}
	for _, leaf := range parser.Model.Leaves(false) {
		for _, group := range leaf.AllFlags(false) {
			for _, f := range group {
				if !f.Tag.Has(tagSetting) {
					continue
				}
				says := f.Help + "|" + f.Default + "|" + f.Target.Type().String()
				if other, ok := meaning[f.Name]; ok && other != says {
					t.Errorf("--%s of %q says\n\t%s\nelsewhere it is\n\t%s", f.Name, leaf.Path(), says, other)
				}
				meaning[f.Name] = says
			}
		}
	}
}

// TestHelp holds every command to an example.
func TestHelp(t *testing.T) {
	parser, err := newParser(new(program), &system{})
	if err != nil {
		t.Fatal(err)
	}
	for _, leaf := range parser.Model.Leaves(false) {
		if leaf.Help == "" || !strings.Contains(leaf.Detail, "\n    radagora ") {
			t.Errorf("%s: its help wants a sentence and an example indented by four spaces", leaf.Path())
		}
	}
}
