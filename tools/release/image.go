package main

import (
	"encoding/json"
	"fmt"
	"time"
)

// The media types of an image (OCI image specification 1.1).
const (
	mediaIndex    = "application/vnd.oci.image.index.v1+json"
	mediaManifest = "application/vnd.oci.image.manifest.v1+json"
	mediaConfig   = "application/vnd.oci.image.config.v1+json"
	mediaLayer    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// nobody is who the program runs as in the image.
const nobody = 65532

// A descriptor points to a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int               `json:"size"`
	Platform    *platform         `json:"platform,omitempty"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

// A manifest is one image for one platform.
type manifest struct {
	Schema      int               `json:"schemaVersion"`
	MediaType   string            `json:"mediaType"`
	Config      descriptor        `json:"config"`
	Layers      []descriptor      `json:"layers"`
	Annotations map[string]string `json:"annotations"`
}

// An index lists the images of all platforms.
type index struct {
	Schema      int               `json:"schemaVersion"`
	MediaType   string            `json:"mediaType"`
	Manifests   []descriptor      `json:"manifests"`
	Annotations map[string]string `json:"annotations,omitempty"`
}

// An imageConfig says how the program is started.
type imageConfig struct {
	platform
	Created string  `json:"created"`
	Config  starts  `json:"config"`
	RootFS  rootFS  `json:"rootfs"`
	History []event `json:"history"`
}

type starts struct {
	User         string
	Env          []string
	Entrypoint   []string
	Cmd          []string
	WorkingDir   string
	ExposedPorts map[string]struct{}
	Volumes      map[string]struct{}
	Labels       map[string]string
	StopSignal   string
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type event struct {
	Created   string `json:"created"`
	CreatedBy string `json:"created_by"`
}

// A layout gathers the blobs of an image.
type layout struct {
	nodes []node
	have  map[string]bool
}

// add puts a blob in and returns what points to it.
func (l *layout) add(mediaType string, content []byte) descriptor {
	d := descriptor{MediaType: mediaType, Digest: "sha256:" + digest(content), Size: len(content)}
	if !l.have[d.Digest] {
		l.have[d.Digest] = true
		l.nodes = append(l.nodes, node{name: "blobs/sha256/" + digest(content), mode: 0o644, content: content})
	}
	return d
}

// addJSON puts a document in.
func (l *layout) addJSON(mediaType string, document any) (descriptor, error) {
	text, err := json.Marshal(document)
	return l.add(mediaType, text), err
}

// image writes one image for all platforms, as a tar of an OCI layout.
func (r *release) image(all []program) error {
	l := &layout{have: map[string]bool{}}
	list := index{Schema: 2, MediaType: mediaIndex, Annotations: r.labels()}
	for _, p := range all {
		d, err := r.platform(l, p)
		if err != nil {
			return err
		}
		list.Manifests = append(list.Manifests, d)
	}
	inner, err := l.addJSON(mediaIndex, list)
	if err != nil {
		return err
	}
	inner.Annotations = map[string]string{"org.opencontainers.image.ref.name": "radagora:" + tag(r.number)} // by which podman load names it
	outer, err := json.Marshal(index{Schema: 2, MediaType: mediaIndex, Manifests: []descriptor{inner}})
	if err != nil {
		return err
	}
	nodes := append([]node{
		{name: "oci-layout", mode: 0o644, content: []byte(`{"imageLayoutVersion":"1.0.0"}`)},
		{name: "index.json", mode: 0o644, content: outer},
	}, l.nodes...)
	content, err := tarball("", r.when, complete(nodes))
	if err != nil {
		return err
	}
	return r.write(fmt.Sprintf("radagora_%s_oci.tar", r.number), content)
}

// labels say what the image is.
func (r *release) labels() map[string]string {
	return map[string]string{
		"org.opencontainers.image.title":       "radagora",
		"org.opencontainers.image.description": "Quality and safety in medical imaging: every measurement stands beside its reference.",
		"org.opencontainers.image.version":     r.version,
		"org.opencontainers.image.created":     r.when.Format(time.RFC3339),
		"org.opencontainers.image.licenses":    "Apache-2.0",
	}
}

// rootfs is what the image holds: nothing but the program, the certificate
// authorities it trusts, its user, and a place for data. Time zones are part of
// the program.
func (r *release) rootfs(p program) []node {
	passwd := fmt.Sprintf("root:x:0:0:root:/:/\nradagora:x:%d:%d:Radagora:/var/lib/radagora:/\n", nobody, nobody)
	group := fmt.Sprintf("root:x:0:\nradagora:x:%d:\n", nobody)
	return complete([]node{
		{name: "etc/group", mode: 0o644, content: []byte(group)},
		{name: "etc/passwd", mode: 0o644, content: []byte(passwd)},
		{name: "etc/ssl/certs/ca-certificates.crt", mode: 0o644, content: r.authorities},
		{name: "tmp", mode: 0o1777, folder: true},
		{name: "usr/bin/radagora", mode: 0o755, content: p.content},
		{name: "var/lib/radagora", mode: 0o700, folder: true, uid: nobody, gid: nobody},
	})
}

// platform adds the image of one platform.
func (r *release) platform(l *layout, p program) (descriptor, error) {
	raw, err := tarball("", r.when, r.rootfs(p))
	if err != nil {
		return descriptor{}, err
	}
	small, err := zipped(raw)
	if err != nil {
		return descriptor{}, err
	}
	on := platform{Architecture: p.arch, OS: p.os}
	layer := l.add(mediaLayer, small)
	config, err := l.addJSON(mediaConfig, imageConfig{
		platform: on, Created: r.when.Format(time.RFC3339), Config: r.starts(),
		RootFS:  rootFS{"layers", []string{"sha256:" + digest(raw)}},
		History: []event{{r.when.Format(time.RFC3339), "radagora/tools/release"}},
	})
	if err != nil {
		return descriptor{}, err
	}
	d, err := l.addJSON(mediaManifest, manifest{
		Schema: 2, MediaType: mediaManifest, Config: config, Layers: []descriptor{layer}, Annotations: r.labels(),
	})
	d.Platform = &on
	return d, err
}

// starts returns how the image is run. Pages listen on an address that others
// reach, so the program asks for a certificate and says so.
func (r *release) starts() starts {
	return starts{
		User:       fmt.Sprintf("%d:%d", nobody, nobody),
		Env:        []string{"PATH=/usr/bin", "RADAGORA_DATA=/var/lib/radagora", "RADAGORA_HTTP=:8443", "RADAGORA_LOG_FORMAT=json"},
		Entrypoint: []string{"/usr/bin/radagora"}, Cmd: []string{"serve"}, WorkingDir: "/var/lib/radagora",
		ExposedPorts: map[string]struct{}{"8443/tcp": {}, "11112/tcp": {}, "2762/tcp": {}},
		Volumes:      map[string]struct{}{"/var/lib/radagora": {}},
		Labels:       r.labels(), StopSignal: "SIGTERM",
	}
}
