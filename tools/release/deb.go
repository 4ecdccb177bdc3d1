package main

import (
	"bytes"
	"crypto/md5" // what dpkg compares; nothing rests on it
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// control describes a package (deb-control(5)).
const control = `Package: radagora
Version: %s
Architecture: %s
Maintainer: The Radagora authors
Installed-Size: %d
Depends: passwd
Recommends: ca-certificates
Section: science
Priority: optional
Description: quality and safety in medical imaging
 Every measurement stands beside its reference: Radagora takes what imaging
 machines say about each examination, compares it with the values that apply,
 names the difference, and keeps track of what somebody does about it.
 .
 It is no medical device and not for diagnosis.
`

// A packed file comes from the repository.
type packed struct {
	name, from string
	mode       int64
	conf       bool // dpkg asks before it replaces what somebody changed
}

// packedFiles are what a package holds beside the program and its lists.
var packedFiles = []packed{
	{"etc/default/radagora", "packaging/radagora.default", 0o640, true},
	{"usr/lib/systemd/system/radagora.service", "packaging/radagora.service", 0o644, false},
	{"usr/share/doc/radagora/NOTICE", "NOTICE", 0o644, false},
	{"usr/share/doc/radagora/README.md", "README.md", 0o644, false},
	{"usr/share/doc/radagora/copyright", "cmd/radagora/licences.txt", 0o644, false},
	{"usr/share/doc/radagora/examples/low-ports.conf", "packaging/low-ports.conf", 0o644, false},
	{"usr/share/doc/radagora/examples/radagora.yaml", "packaging/radagora.yaml", 0o644, false},
	{"usr/share/doc/radagora/operate.md", "docs/operate.md", 0o644, false},
}

// scripts are what dpkg runs (deb-postinst(5) and so on).
var scripts = []string{"postinst", "prerm", "postrm"}

// deb writes a Debian package.
func (r *release) deb(p program) error {
	nodes := []node{{name: "etc/radagora", mode: 0o750, folder: true}, {name: "usr/bin/radagora", mode: 0o755, content: p.content}}
	bom, err := r.bill(p)
	if err != nil {
		return err
	}
	nodes = append(nodes, node{name: "usr/share/doc/radagora/radagora.cdx.json", mode: 0o644, content: bom})
	var conf strings.Builder
	for _, f := range packedFiles {
		content, err := os.ReadFile(filepath.Join(r.root, filepath.FromSlash(f.from)))
		if err != nil {
			return err
		}
		nodes = append(nodes, node{name: f.name, mode: f.mode, content: content})
		if f.conf {
			conf.WriteString("/" + f.name + "\n")
		}
	}
	about, err := r.about(p.arch, conf.String(), nodes)
	if err != nil {
		return err
	}
	data, err := r.zippedTar("./", complete(nodes))
	if err != nil {
		return err
	}
	return r.write(fmt.Sprintf("radagora_%s_%s.deb", r.number, p.arch), ar(r.when, []node{
		{name: "debian-binary", content: []byte("2.0\n")}, {name: "control.tar.gz", content: about}, {name: "data.tar.gz", content: data},
	}))
}

// about returns the archive that describes a package.
func (r *release) about(arch, conf string, nodes []node) ([]byte, error) {
	size, sums := 0, new(bytes.Buffer)
	for _, n := range nodes {
		size += (len(n.content) + 1023) / 1024
		if !n.folder {
			fmt.Fprintf(sums, "%x  %s\n", md5.Sum(n.content), n.name)
		}
	}
	files := []node{
		{name: "control", mode: 0o644, content: fmt.Appendf(nil, control, r.number, arch, size)},
		{name: "md5sums", mode: 0o644, content: sums.Bytes()},
		{name: "conffiles", mode: 0o644, content: []byte(conf)},
	}
	for _, name := range scripts {
		text, err := os.ReadFile(filepath.Join(r.root, "packaging", "deb", name))
		if err != nil {
			return nil, err
		}
		files = append(files, node{name: name, mode: 0o755, content: text})
	}
	return r.zippedTar("./", files)
}

// zippedTar writes nodes below their own root.
func (r *release) zippedTar(prefix string, nodes []node) ([]byte, error) {
	raw, err := tarball(prefix, r.when, append([]node{{mode: 0o755, folder: true}}, nodes...))
	if err != nil {
		return nil, err
	}
	return zipped(raw)
}

// ar writes an archive as dpkg reads it (deb(5)): a header of 60 characters per
// member, and members at even places.
func ar(when time.Time, members []node) []byte {
	b := bytes.NewBufferString("!<arch>\n")
	for _, m := range members {
		fmt.Fprintf(b, "%-16s%-12d%-6d%-6d%-8s%-10d`\n", m.name, when.Unix(), 0, 0, "100644", len(m.content))
		b.Write(m.content)
		if b.Len()%2 == 1 {
			b.WriteByte('\n')
		}
	}
	return b.Bytes()
}
