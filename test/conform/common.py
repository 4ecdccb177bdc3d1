"""HTTP for the checks."""
import http.client
from urllib.parse import urlsplit


class Client:
    """One kept-alive HTTP connection to a DICOMweb root such as http://127.0.0.1:8080/dicom-web"""

    def __init__(self, url, headers=(), timeout=600):
        u = urlsplit(url)
        self.base = u.path.rstrip("/")
        self.host, self.timeout = u.netloc, timeout
        self.kind = http.client.HTTPSConnection if u.scheme == "https" else http.client.HTTPConnection
        self.headers = dict(h.split(": ", 1) for h in headers or ())
        self.conn = None

    def __call__(self, method, path, accept=None, body=None, ctype=None, read=True):
        h = dict(self.headers)
        if accept:
            h["Accept"] = accept
        if ctype:
            h["Content-Type"] = ctype
        for attempt in (0, 1):
            fresh = self.conn is None
            if fresh:
                self.conn = self.kind(self.host, timeout=self.timeout)
            try:
                self.conn.request(method, self.base + path, body, h)
                r = self.conn.getresponse()
                break
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                self.conn.close()
                self.conn = None
                if fresh:
                    raise
        data = r.read()
        if r.will_close:
            self.conn.close()
            self.conn = None
        return r.status, r.headers, data
