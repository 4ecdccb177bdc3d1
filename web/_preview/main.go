package main

import (
	"log/slog"
	"net/http"
	"os"

	"radagora/lang"
	"radagora/web"
	"radagora/web/webtest"
)

func main() {
	cat, err := lang.Open()
	if err != nil {
		panic(err)
	}
	for i, addr := range []string{"127.0.0.1:8711", "127.0.0.1:8712"} {
		w := webtest.NewWorld()
		w.Empty = i == 1
		c := webtest.Config(cat, w)
		c.Log = slog.New(slog.NewTextHandler(os.Stderr, nil))
		cat.Log = c.Log
		go http.ListenAndServe(addr, web.New(c))
	}
	select {}
}
