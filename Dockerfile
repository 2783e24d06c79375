# The image for those who have Docker; scripts/image builds the same without it.
#   docker build -t blfbridge .                                        this machine's platform
#   docker buildx build --platform linux/amd64,linux/arm64 -t … .      both
FROM --platform=$BUILDPLATFORM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION=devel
WORKDIR /image
RUN mkdir -p etc/ssl/certs && mkdir -m 1777 tmp && \
    printf 'root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n' >etc/passwd && \
    printf 'root:x:0:\nnonroot:x:65532:\n' >etc/group
WORKDIR /src
RUN (cd scripts/roots && go run .) >/image/etc/ssl/certs/ca-certificates.crt
RUN CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH go build -buildvcs=false -trimpath -ldflags "-s -w -buildid= -X main.version=$VERSION" -o /image/blfbridge ./cmd/blfbridge
RUN go run ./scripts/sbom -version "$VERSION" /image/blfbridge >/image/sbom.cdx.json

FROM scratch
COPY --from=build /image/ /
USER 65532:65532
ENTRYPOINT ["/blfbridge"]
CMD ["serve"]
