"""A vendor's client with the certificate it has: asks once over TLS, prints the status and the body."""

import http.client
import ssl
import sys
import urllib.parse

url, authority, *own = sys.argv[1:]
parts = urllib.parse.urlsplit(url)
context = ssl.create_default_context(cafile=authority)
if own:
    context.load_cert_chain(*own)
connection = http.client.HTTPSConnection("127.0.0.1", parts.port, context=context, timeout=20)
connection.request("GET", parts.path, headers={"Host": parts.netloc})
response = connection.getresponse()
print(response.status)
print(response.read().decode())
