# The image for those who have Docker; scripts/image builds the same without it.
#   docker build -t blfbridge .                                        this machine's platform
#   docker buildx build --platform linux/amd64,linux/arm64 -t … .      both
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION=devel
RUN (cd scripts/roots && go run .) >/roots.pem
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -buildvcs=false -trimpath -ldflags "-s -w -buildid= -X main.version=$VERSION" -o /blfbridge ./cmd/blfbridge
RUN go run ./scripts/sbom -version "$VERSION" /blfbridge >/sbom.cdx.json

FROM scratch
COPY --from=build /roots.pem /etc/ssl/certs/ca-certificates.crt
COPY --from=build /blfbridge /sbom.cdx.json /
USER 65532:65532
ENTRYPOINT ["/blfbridge"]
CMD ["serve"]
