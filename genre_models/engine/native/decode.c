/* One step of a model built like Llama, for any number of tokens: each a row with its own slot, position and adapters.
 *
 * A row's arithmetic depends on that row alone: sums run in one fixed order, whatever is computed beside it. Work is
 * cut into tasks that threads claim one after the other. Nobody waits for a thread, only for tasks that were begun, so
 * that a thread whose core another process has taken holds up one task and not the step.
 *
 * Matrices lie in blocks of 16 outputs. Integer ones hold groups of 32 inputs: weight = scale * q + least, with q of 4
 * bits, or of 7 in a byte: the sum of two products of bytes then fits the 16 bits of AVX2. Inputs are rounded to 8 bits,
 * scaled by the greatest of each group. The dot product of a group is exact.
 */
#include <math.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__AVX2__)
#include <immintrin.h>
#endif

#if defined(__AVX512F__)
enum { WIDTH = 16, TILE = 8 };
#elif defined(__AVX__)
enum { WIDTH = 8, TILE = 4 };
#else
enum { WIDTH = 4, TILE = 2 };
#endif
enum { LANES = 16, PARTS = LANES / WIDTH, MOST_TILE = 8, GROUP = 32, MOST_ROWS = 64, MOST_RANKS = 128, SITES = 7, EXACT = 32 };

typedef float Vector __attribute__((vector_size(4 * WIDTH), aligned(4))); /* what the processor adds at once */

typedef struct {
    int bits, inputs, outputs; /* 4, 8 or 32; outputs are padded to LANES */
    const void *weights;       /* integers [block][group][...], see multiply_group; floats [block][input][16] */
    const float *scales;       /* [block][group][scale, least][16] */
    const float *bias;         /* [outputs], or null */
} Matrix;

typedef struct {
    const float *attention_norm, *mlp_norm, *query_norm, *key_norm;
    Matrix qkv, out, gate_up, down;
    float *keys, *values; /* [slot][key head][capacity][width] */
} Layer;

typedef struct {
    int layers, hidden, heads, key_heads, width, inner, vocab, capacity;
    float eps;
    const float *turns; /* [position][width / 2][cos, sin] */
    const float *norm;
    Matrix embedding, head;
    const Layer *layer;
} Model;

typedef struct {
    int rank;
    const float *const *low_high; /* [layer][q, k, v, o, gate, up, down][A [rank][inputs], B [rank][outputs]] */
} Adapter;

typedef struct {
    int rows;
    const int *tokens, *positions, *slots; /* [rows] */
    const Adapter *adapters;
    const int *first;     /* [rows + 1] into the next two */
    const int *adapter;
    const float *weight;
} Step;

typedef struct { /* what a matrix multiplies: rows of floats, and the same in 8 bits */
    int inputs, groups;
    const float *x;
    int8_t *digits;        /* [row][groups * GROUP] */
    float *scale, *sum;    /* [row][group]: of a digit, and of all of a group's digits times it */
} Input;

typedef struct {
    float *x, *normed, *mixed, *attended, *active, *ranks;
    int8_t *digits;
    float *scale, *sum;
} Space;

typedef struct {
    atomic_int next, done;
} Phase;

static float exponential(float x) {
    x = x < -87.0f ? -87.0f : x > 88.0f ? 88.0f : x;
    float n = __builtin_rintf(x * 1.44269504f);
    float r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
    float p = 1.0f + r * (1.0f + r * (0.5f + r * (0.166666667f + r * (0.0416666667f + r * (0.00833333333f + r * 0.00138888889f)))));
    union { int32_t bits; float value; } power = {((int32_t)n + 127) << 23};
    return p * power.value;
}

static float dot(const float *a, const float *b, int size) {
    float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < size; i++) sum += a[i] * b[i];
    return sum;
}

static void normalise(const float *x, const float *weight, int size, float eps, float *y) {
    float factor = 1.0f / sqrtf(dot(x, x, size) / (float)size + eps);
    for (int i = 0; i < size; i++) y[i] = x[i] * factor * weight[i];
}

static void quantise(const Input *in, int row) {
    const float *x = in->x + (size_t)row * in->inputs;
    int8_t *digits = in->digits + (size_t)row * in->groups * GROUP;
    for (int g = 0; g < in->groups; g++) {
        float padded[GROUP] = {0}, most = 0.0f, check = 0.0f;
        int32_t total = 0;
        int size = in->inputs - g * GROUP < GROUP ? in->inputs - g * GROUP : GROUP;
        memcpy(padded, x + g * GROUP, sizeof(float) * size);
#pragma omp simd reduction(max : most) reduction(+ : check)
        for (int i = 0; i < GROUP; i++) {
            most = fabsf(padded[i]) > most ? fabsf(padded[i]) : most;
            check += padded[i] * 0.0f; /* NaN where an input is not finite: it must reach the logits */
        }
        float inverse = most > 1e-30f ? 127.0f / most : 0.0f;
#pragma omp simd reduction(+ : total)
        for (int i = 0; i < GROUP; i++) {
            int32_t digit = (int32_t)__builtin_rintf(padded[i] * inverse);
            digits[g * GROUP + i] = (int8_t)digit;
            total += digit;
        }
        in->scale[row * in->groups + g] = most / 127.0f + check;
        in->sum[row * in->groups + g] = (most / 127.0f + check) * (float)total;
    }
}

#if defined(__AVX512F__) && defined(__AVX512VNNI__)
/* y[row][16] of `count` rows from `row` on; `count` is known where this is inlined. */
static inline __attribute__((always_inline)) void integer_tile(
    const Matrix *m, int block, const Input *in, int row, const int count, const int bits, float *y) {
    const __m512i nibble = _mm512_set1_epi8(15);
    const int bytes = GROUP * LANES * bits / 8;
    __m512 sums[MOST_TILE];
    for (int r = 0; r < count; r++) sums[r] = _mm512_setzero_ps();
    for (int g = 0; g < in->groups; g++) {
        size_t at = (size_t)block * in->groups + g;
        const uint8_t *w = (const uint8_t *)m->weights + at * bytes;
        __m512i products[MOST_TILE];
        for (int r = 0; r < count; r++) products[r] = _mm512_setzero_si512();
        for (int k = 0; k < GROUP / 8; k++) {
            __m512i low, high;
            _mm_prefetch((const char *)(w + k * 64 + 2048), _MM_HINT_T0);
            if (bits == 4) {
                __m512i both = _mm512_loadu_si512(w + k * 64);
                low = _mm512_and_si512(both, nibble);
                high = _mm512_and_si512(_mm512_srli_epi16(both, 4), nibble);
            } else {
                _mm_prefetch((const char *)(w + k * 64 + 2304), _MM_HINT_T0);
                low = _mm512_loadu_si512(w + k * 64);
                high = _mm512_loadu_si512(w + (k + GROUP / 8) * 64);
            }
            for (int r = 0; r < count; r++) {
                const int8_t *digits = in->digits + ((size_t)(row + r) * in->groups + g) * GROUP + 4 * k;
                int32_t four;
                memcpy(&four, digits, 4);
                products[r] = _mm512_dpbusd_epi32(products[r], low, _mm512_set1_epi32(four));
                memcpy(&four, digits + GROUP / 2, 4);
                products[r] = _mm512_dpbusd_epi32(products[r], high, _mm512_set1_epi32(four));
            }
        }
        __m512 scale = _mm512_loadu_ps(m->scales + at * 2 * LANES);
        __m512 least = _mm512_loadu_ps(m->scales + at * 2 * LANES + LANES);
        for (int r = 0; r < count; r++) {
            int place = (row + r) * in->groups + g;
            __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(products[r]), scale);
            sums[r] = _mm512_fmadd_ps(product, _mm512_set1_ps(in->scale[place]), sums[r]);
            sums[r] = _mm512_fmadd_ps(least, _mm512_set1_ps(in->sum[place]), sums[r]);
        }
    }
    for (int r = 0; r < count; r++) _mm512_storeu_ps(y + r * LANES, sums[r]);
}
#elif defined(__AVX2__)
/* Products are added up in 16 bits, eight of a group's halves (at most 8 * 2 * 15 * 127) or one pair of bytes (at most
 * 2 * 127 * 127) before they would overflow. */
static inline __attribute__((always_inline)) __m256i add_products(
    __m256i sum, __m256i low, __m256i high, const int8_t *digits, const int bits) {
    int32_t first, second;
    memcpy(&first, digits, 4);
    memcpy(&second, digits + GROUP / 2, 4);
    __m256i a = _mm256_maddubs_epi16(low, _mm256_set1_epi32(first)), b = _mm256_maddubs_epi16(high, _mm256_set1_epi32(second));
    if (bits == 4) return _mm256_add_epi16(_mm256_add_epi16(sum, a), b);
    const __m256i ones = _mm256_set1_epi16(1);
    return _mm256_add_epi32(_mm256_add_epi32(sum, _mm256_madd_epi16(a, ones)), _mm256_madd_epi16(b, ones));
}

static inline __attribute__((always_inline)) void integer_tile(
    const Matrix *m, int block, const Input *in, int row, const int count, const int bits, float *y) {
    const __m256i nibble = _mm256_set1_epi8(15);
    const int bytes = GROUP * LANES * bits / 8;
    __m256 sums[MOST_TILE][2];
    for (int r = 0; r < count; r++) sums[r][0] = sums[r][1] = _mm256_setzero_ps();
    for (int g = 0; g < in->groups; g++) {
        size_t at = (size_t)block * in->groups + g;
        const uint8_t *w = (const uint8_t *)m->weights + at * bytes;
        __m256i products[MOST_TILE][2];
        for (int r = 0; r < count; r++) products[r][0] = products[r][1] = _mm256_setzero_si256();
#pragma GCC unroll 1
        for (int k = 0; k < GROUP / 8; k++) {
            __m256i low[2], high[2];
            _mm_prefetch((const char *)(w + k * 64 + 2048), _MM_HINT_T0);
            for (int half = 0; half < 2; half++) {
                low[half] = _mm256_loadu_si256((const __m256i *)(w + k * 64 + 32 * half));
                if (bits == 4) {
                    high[half] = _mm256_and_si256(_mm256_srli_epi16(low[half], 4), nibble);
                    low[half] = _mm256_and_si256(low[half], nibble);
                } else high[half] = _mm256_loadu_si256((const __m256i *)(w + (k + GROUP / 8) * 64 + 32 * half));
            }
            for (int r = 0; r < count; r++) {
                const int8_t *digits = in->digits + ((size_t)(row + r) * in->groups + g) * GROUP + 4 * k;
                for (int half = 0; half < 2; half++)
                    products[r][half] = add_products(products[r][half], low[half], high[half], digits, bits);
            }
        }
        for (int half = 0; half < 2; half++) {
            __m256 scale = _mm256_loadu_ps(m->scales + at * 2 * LANES + 8 * half);
            __m256 least = _mm256_loadu_ps(m->scales + at * 2 * LANES + LANES + 8 * half);
            for (int r = 0; r < count; r++) {
                int place = (row + r) * in->groups + g;
                __m256i whole = bits == 4 ? _mm256_madd_epi16(products[r][half], _mm256_set1_epi16(1)) : products[r][half];
                __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(whole), scale);
                sums[r][half] = _mm256_fmadd_ps(product, _mm256_set1_ps(in->scale[place]), sums[r][half]);
                sums[r][half] = _mm256_fmadd_ps(least, _mm256_set1_ps(in->sum[place]), sums[r][half]);
            }
        }
    }
    for (int r = 0; r < count; r++)
        for (int half = 0; half < 2; half++) _mm256_storeu_ps(y + r * LANES + 8 * half, sums[r][half]);
}
#else
static inline __attribute__((always_inline)) void integer_tile(
    const Matrix *m, int block, const Input *in, int row, const int count, const int bits, float *y) {
    const int bytes = GROUP * LANES * bits / 8;
    memset(y, 0, sizeof(float) * count * LANES);
    for (int g = 0; g < in->groups; g++) {
        size_t at = (size_t)block * in->groups + g;
        const uint8_t *w = (const uint8_t *)m->weights + at * bytes;
        uint8_t whole[GROUP * LANES];
        if (bits == 8) memcpy(whole, w, sizeof whole);
        else
            for (int i = 0; i < bytes; i++) whole[i] = w[i] & 15, whole[bytes + i] = w[i] >> 4;
        const float *scale = m->scales + at * 2 * LANES, *least = scale + LANES;
        for (int r = 0; r < count; r++) {
            int place = (row + r) * in->groups + g;
            const int8_t *digits = in->digits + (size_t)place * GROUP;
            int32_t acc[LANES] = {0};
            for (int i = 0; i < GROUP; i++)
                for (int o = 0; o < LANES; o++) acc[o] += (int32_t)whole[i / 4 * 64 + 4 * o + i % 4] * digits[i];
            for (int o = 0; o < LANES; o++)
                y[r * LANES + o] += (float)acc[o] * scale[o] * in->scale[place] + least[o] * in->sum[place];
        }
    }
}
#endif

static inline __attribute__((always_inline)) void float_tile(
    const Matrix *m, int block, const Input *in, int row, const int count, float *y) {
    const float *w = (const float *)m->weights + (size_t)block * in->inputs * LANES;
    const float *x = in->x + (size_t)row * in->inputs;
    Vector sums[MOST_TILE][PARTS] = {{{0}}};
    for (int i = 0; i < in->inputs; i++, w += LANES) {
        __builtin_prefetch(w + 32 * LANES);
        for (int r = 0; r < count; r++)
            for (int p = 0; p < PARTS; p++) sums[r][p] += *(const Vector *)(w + p * WIDTH) * x[r * in->inputs + i];
    }
    for (int r = 0; r < count; r++) memcpy(y + r * LANES, sums[r], sizeof sums[r]);
}

static inline __attribute__((always_inline)) void tile(
    const Matrix *m, int block, const Input *in, int row, const int count, float *y) {
    if (m->bits == EXACT) float_tile(m, block, in, row, count, y);
    else if (m->bits == 4) integer_tile(m, block, in, row, count, 4, y);
    else integer_tile(m, block, in, row, count, 8, y);
}

/* y[row][16] = one block of the matrix times every row. */
static void multiply_block(const Matrix *m, int block, const Input *in, int rows, float *y) {
    for (int row = 0; row < rows; row += TILE) {
        float *to = y + row * LANES;
        switch (rows - row < TILE ? rows - row : TILE) {
        case 1: tile(m, block, in, row, 1, to); break;
        case 2: tile(m, block, in, row, 2, to); break;
        case 3: tile(m, block, in, row, 3, to); break;
        case 4: tile(m, block, in, row, 4, to); break;
        case 5: tile(m, block, in, row, 5, to); break;
        case 6: tile(m, block, in, row, 6, to); break;
        case 7: tile(m, block, in, row, 7, to); break;
        default: tile(m, block, in, row, TILE, to);
        }
    }
    if (m->bias)
        for (int row = 0; row < rows; row++)
            for (int o = 0; o < LANES; o++) y[row * LANES + o] += m->bias[block * LANES + o];
}

/* One output's weights: a token's embedding. */
static void read_output(const Matrix *m, int output, float *y) {
    int block = output / LANES, lane = output % LANES, groups = (m->inputs + GROUP - 1) / GROUP;
    for (int i = 0; i < m->inputs; i++) {
        int g = i / GROUP, k = i % GROUP / 4;
        size_t at = (size_t)block * groups + g;
        const float *scale = m->scales + at * 2 * LANES;
        const uint8_t *w = (const uint8_t *)m->weights + at * (GROUP * LANES * m->bits / 8);
        int inside = 4 * lane + i % 4;
        if (m->bits == EXACT) y[i] = ((const float *)m->weights)[((size_t)block * m->inputs + i) * LANES + lane];
        else if (m->bits == 8) y[i] = scale[lane] * w[64 * k + inside] + scale[LANES + lane];
        else y[i] = scale[lane] * (k < 4 ? w[64 * k + inside] & 15 : w[64 * (k - 4) + inside] >> 4) + scale[LANES + lane];
    }
}

/* z = weight * A x for `parts` sites that share their input, [part][rank] of all of the row's adapters. */
static void lower(const Step *s, int layer, int site, int parts, const Input *in, int row, float *z) {
    const float *x = in->x + (size_t)row * in->inputs;
    for (int part = 0, at; part < parts; part++) {
        at = part * MOST_RANKS;
        for (int e = s->first[row]; e < s->first[row + 1]; e++) {
            const Adapter *adapter = s->adapters + s->adapter[e];
            const float *low = adapter->low_high[(layer * SITES + site + part) * 2];
            for (int r = 0; low && r < adapter->rank; r++)
                z[at + r] = s->weight[e] * dot(low + (size_t)r * in->inputs, x, in->inputs);
            at += adapter->rank;
        }
    }
}

/* y[row][16] += B z, for 16 outputs from `from` on of a site that has `outputs`. */
static void lift(const Step *s, int layer, int site, int part, int from, int outputs, const float *ranks, float *y) {
    for (int row = 0; row < s->rows; row++) {
        const float *z = ranks + ((size_t)row * 3 + part) * MOST_RANKS;
        Vector sums[PARTS];
        memcpy(sums, y + row * LANES, sizeof sums);
        for (int e = s->first[row]; e < s->first[row + 1]; e++) {
            const Adapter *adapter = s->adapters + s->adapter[e];
            const float *high = adapter->low_high[(layer * SITES + site + part) * 2 + 1];
            for (int r = 0; high && r < adapter->rank; r++)
                for (int p = 0; p < PARTS; p++) sums[p] += *(const Vector *)(high + (size_t)r * outputs + from + p * WIDTH) * z[r];
            z += adapter->rank;
        }
        memcpy(y + row * LANES, sums, sizeof sums);
    }
}

static void turn(const Model *m, int heads, const float *norm, int position, float *x) {
    const float *turns = m->turns + (size_t)position * m->width;
    for (int head = 0; head < heads; head++, x += m->width) {
        if (norm) normalise(x, norm, m->width, m->eps, x);
        for (int i = 0; i < m->width; i += 2) {
            float real = x[i], imaginary = x[i + 1];
            x[i] = real * turns[i] - imaginary * turns[i + 1];
            x[i + 1] = real * turns[i + 1] + imaginary * turns[i];
        }
    }
}

/* Turn a row's queries and keys, and store its keys and values in its slot. */
static void place(const Model *m, const Layer *l, const Step *s, int row, float *mixed) {
    int w = m->width, position = s->positions[row];
    float *keys = mixed + m->heads * w, *values = keys + m->key_heads * w;
    turn(m, m->heads, l->query_norm, position, mixed);
    turn(m, m->key_heads, l->key_norm, position, keys);
    for (int head = 0; head < m->key_heads; head++) {
        size_t at = (((size_t)s->slots[row] * m->key_heads + head) * m->capacity + position) * w;
        memcpy(l->keys + at, keys + head * w, sizeof(float) * w);
        memcpy(l->values + at, values + head * w, sizeof(float) * w);
    }
}

/* y[4] = the dot products of a query with four keys, each of w floats. */
static void four_dots(const float *query, const float *const *keys, int w, float *y) {
    int i = 0;
#if defined(__AVX512F__) && defined(__AVX512DQ__)
    __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
    for (; i + LANES <= w; i += LANES)
        for (int n = 0; n < 4; n++) sums[n] = _mm512_fmadd_ps(_mm512_loadu_ps(query + i), _mm512_loadu_ps(keys[n] + i), sums[n]);
    __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(sums[0], sums[1]), _mm512_unpackhi_ps(sums[0], sums[1]));
    __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(sums[2], sums[3]), _mm512_unpackhi_ps(sums[2], sums[3]));
    __m512d low = _mm512_unpacklo_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    __m512d high = _mm512_unpackhi_pd(_mm512_castps_pd(ab), _mm512_castps_pd(cd));
    __m512 all = _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high));
    __m256 half = _mm256_add_ps(_mm512_castps512_ps256(all), _mm512_extractf32x8_ps(all, 1));
    _mm_storeu_ps(y, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
#elif defined(__AVX2__)
    __m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
    for (; i + 8 <= w; i += 8)
        for (int n = 0; n < 4; n++) sums[n] = _mm256_fmadd_ps(_mm256_loadu_ps(query + i), _mm256_loadu_ps(keys[n] + i), sums[n]);
    __m256 all = _mm256_hadd_ps(_mm256_hadd_ps(sums[0], sums[1]), _mm256_hadd_ps(sums[2], sums[3]));
    _mm_storeu_ps(y, _mm_add_ps(_mm256_castps256_ps128(all), _mm256_extractf128_ps(all, 1)));
#else
    memset(y, 0, 4 * sizeof *y);
#endif
    for (int n = 0; i < w && n < 4; n++) y[n] += dot(query + i, keys[n] + i, w - i);
}

/* y[0 ... chunks * WIDTH) = the sum over t < end of p[t] * values[t * w ...). */
static inline __attribute__((always_inline)) void weighted(
    const float *values, int w, const float *p, int end, const int chunks, float *y) {
    Vector sums[8] = {{0}};
    for (int t = 0; t < end; t++)
        for (int c = 0; c < chunks; c++) sums[c] += *(const Vector *)(values + (size_t)t * w + c * WIDTH) * p[t];
    memcpy(y, sums, sizeof *sums * chunks);
}

/* The query heads of one key head, over the row's own positions only. `scores` has room for one and LANES more. */
static void attend(const Model *m, const Layer *l, const Step *s, int row, int key_head, const float *queries,
                   float *scores, float *y) {
    int w = m->width, end = s->positions[row] + 1, each = m->heads / m->key_heads;
    size_t at = ((size_t)s->slots[row] * m->key_heads + key_head) * m->capacity * w;
    const float *keys = l->keys + at, *values = l->values + at;
    float factor = 1.0f / sqrtf((float)w);
    for (int q = 0; q < each; q++) {
        float most = -INFINITY, sum = 0.0f, *out = y + q * w;
        for (int t = 0; t < end; t += 4) {
            const float *four[4];
            for (int n = 0; n < 4; n++) four[n] = keys + (size_t)(t + n < end ? t + n : t) * w;
            four_dots(queries + q * w, four, w, scores + t);
        }
        for (int t = 0; t < end; t++) scores[t] *= factor, most = scores[t] > most ? scores[t] : most;
#pragma omp simd reduction(+ : sum)
        for (int t = 0; t < end; t++) scores[t] = exponential(scores[t] - most), sum += scores[t];
        int i = 0;
        for (; i + 8 * WIDTH <= w; i += 8 * WIDTH) weighted(values + i, w, scores, end, 8, out + i);
        for (; i + 4 * WIDTH <= w; i += 4 * WIDTH) weighted(values + i, w, scores, end, 4, out + i);
        for (; i + WIDTH <= w; i += WIDTH) weighted(values + i, w, scores, end, 1, out + i);
        for (; i < w; i++) {
            out[i] = 0.0f;
            for (int t = 0; t < end; t++) out[i] += values[(size_t)t * w + i] * scores[t];
        }
        for (i = 0; i < w; i++) out[i] /= sum;
    }
}

static int claim(Phase *phase, int share) { return atomic_fetch_add(&phase->next, share); }

static void wait_for(Phase *phase, int total) {
    for (int spins = 0; atomic_load_explicit(&phase->done, memory_order_acquire) < total; spins++) {
        if (spins > 2000) sched_yield();
#if defined(__x86_64__)
        else __builtin_ia32_pause();
#endif
    }
}

/* Threads claim `share` of the tasks 0 <= task < total at a time, and go on when all are done. */
#define TASKS(total, share, ...)                                                    \
    do {                                                                             \
        int all_ = (total), share_ = (share);                                        \
        for (int from_ = claim(phase, share_); from_ < all_; from_ = claim(phase, share_)) { \
            int end_ = from_ + share_ < all_ ? from_ + share_ : all_;                \
            for (int task = from_; task < end_; task++) { __VA_ARGS__ }               \
            atomic_fetch_add(&phase->done, end_ - from_);                            \
        }                                                                            \
        wait_for(phase++, all_);                                                     \
    } while (0)

static Input input(const Space *space, const float *x, int inputs) {
    int groups = (inputs + GROUP - 1) / GROUP;
    return (Input){inputs, groups, x, space->digits, space->scale, space->sum};
}

static void add_block(const float *y, int rows, int block, int outputs, float *x) {
    for (int row = 0; row < rows; row++)
        for (int o = 0; o < LANES; o++) x[(size_t)row * outputs + block * LANES + o] += y[row * LANES + o];
}

static void gate_block(const float *gate, const float *up, int rows, int block, int inner, float *active) {
    for (int row = 0; row < rows; row++)
#pragma omp simd
        for (int o = 0; o < LANES; o++) {
            float g = gate[row * LANES + o];
            active[(size_t)row * inner + block * LANES + o] = g / (1.0f + exponential(-g)) * up[row * LANES + o];
        }
}

static Phase *run_layer(const Model *m, const Step *s, int index, const Space *sp, float *scores, int threads, Phase *phase) {
    const Layer *l = m->layer + index;
    const int rows = s->rows, hidden = m->hidden, inner = m->inner, query = m->heads * m->width;
    const int key = m->key_heads * m->width, both = query + 2 * key, each = m->heads / m->key_heads * m->width;
    const int exact = l->qkv.bits == EXACT;
    float y[2][MOST_ROWS * LANES];
    const Input normed = input(sp, sp->normed, hidden), seen = input(sp, sp->attended, query), active = input(sp, sp->active, inner);
#define RANKS (sp->ranks + (size_t)task * 3 * MOST_RANKS)
#define SHARE(total) ((total) / (threads * 6) + 1)
    TASKS(rows, 1, {
        normalise(sp->x + (size_t)task * hidden, l->attention_norm, hidden, m->eps, sp->normed + (size_t)task * hidden);
        if (!exact) quantise(&normed, task);
        lower(s, index, 0, 3, &normed, task, RANKS);
    });
    TASKS(both / LANES, SHARE(both / LANES), {
        int from = task * LANES, part = from < query ? 0 : from < query + key ? 1 : 2;
        int start = part == 0 ? 0 : part == 1 ? query : query + key;
        multiply_block(&l->qkv, task, &normed, rows, y[0]);
        lift(s, index, 0, part, from - start, part ? key : query, sp->ranks, y[0]);
        for (int row = 0; row < rows; row++)
            memcpy(sp->mixed + (size_t)row * both + from, y[0] + row * LANES, sizeof(float) * LANES);
    });
    TASKS(rows, 1, { place(m, l, s, task, sp->mixed + (size_t)task * both); });
    TASKS(rows * m->key_heads, 1, {
        int row = task / m->key_heads, head = task % m->key_heads;
        attend(m, l, s, row, head, sp->mixed + (size_t)row * both + head * each, scores, sp->attended + (size_t)row * query + head * each);
    });
    TASKS(rows, 1, {
        if (!exact) quantise(&seen, task);
        lower(s, index, 3, 1, &seen, task, RANKS);
    });
    TASKS(hidden / LANES, SHARE(hidden / LANES), {
        multiply_block(&l->out, task, &seen, rows, y[0]);
        lift(s, index, 3, 0, task * LANES, hidden, sp->ranks, y[0]);
        add_block(y[0], rows, task, hidden, sp->x);
    });
    TASKS(rows, 1, {
        normalise(sp->x + (size_t)task * hidden, l->mlp_norm, hidden, m->eps, sp->normed + (size_t)task * hidden);
        if (!exact) quantise(&normed, task);
        lower(s, index, 4, 2, &normed, task, RANKS);
    });
    TASKS(inner / LANES, SHARE(inner / LANES), {
        multiply_block(&l->gate_up, task, &normed, rows, y[0]);
        lift(s, index, 4, 0, task * LANES, inner, sp->ranks, y[0]);
        multiply_block(&l->gate_up, task + inner / LANES, &normed, rows, y[1]);
        lift(s, index, 4, 1, task * LANES, inner, sp->ranks, y[1]);
        gate_block(y[0], y[1], rows, task, inner, sp->active);
    });
    TASKS(rows, 1, {
        if (!exact) quantise(&active, task);
        lower(s, index, 6, 1, &active, task, RANKS);
    });
    TASKS(hidden / LANES, SHARE(hidden / LANES), {
        multiply_block(&l->down, task, &active, rows, y[0]);
        lift(s, index, 6, 0, task * LANES, hidden, sp->ranks, y[0]);
        add_block(y[0], rows, task, hidden, sp->x);
    });
    return phase;
}

/* `outputs` may end within the last block. */
static void store_block(const float *y, int rows, int block, int outputs, float *to) {
    int size = outputs - block * LANES < LANES ? outputs - block * LANES : LANES;
    for (int row = 0; row < rows; row++)
        memcpy(to + (size_t)row * outputs + block * LANES, y + row * LANES, sizeof(float) * size);
}

static Phase *run_head(const Model *m, const Step *s, int first, const Space *sp, float *logits, int threads, Phase *phase) {
    const int rows = s->rows - first, blocks = (m->vocab + LANES - 1) / LANES;
    float y[MOST_ROWS * LANES];
    const Input normed = input(sp, sp->normed, m->hidden);
    TASKS(rows, 1, {
        normalise(sp->x + (size_t)(first + task) * m->hidden, m->norm, m->hidden, m->eps, sp->normed + (size_t)task * m->hidden);
        if (m->head.bits != EXACT) quantise(&normed, task);
    });
    TASKS(blocks, SHARE(blocks), {
        multiply_block(&m->head, task, &normed, rows, y);
        store_block(y, rows, task, m->vocab, logits);
    });
    return phase;
}

static float *floats(size_t number) { return aligned_alloc(64, (number * sizeof(float) + 63) / 64 * 64); }

/* Logits [rows - first][vocab] of the rows from `first` on; at most MOST_ROWS rows. Returns 0, or 1 without memory. */
int forward(const Model *m, const Step *s, int first, int threads, float *logits) {
    const int rows = s->rows, query = m->heads * m->width, both = query + 2 * m->key_heads * m->width;
    int widest = m->hidden > m->inner ? m->hidden : m->inner, longest = 0;
    widest = (widest > query ? widest : query) + GROUP;
    for (int row = 0; row < rows; row++) longest = s->positions[row] > longest ? s->positions[row] : longest;
    size_t scores = (size_t)longest + 1 + LANES;
    size_t sizes[] = {(size_t)rows * m->hidden, (size_t)rows * m->hidden, (size_t)rows * both, (size_t)rows * query, (size_t)rows * m->inner,
                      (size_t)rows * 3 * MOST_RANKS, (size_t)rows * widest / 4, (size_t)rows * widest / GROUP, (size_t)rows * widest / GROUP, scores * threads};
    size_t total = 0, number = sizeof sizes / sizeof *sizes, phases = 10 * (size_t)m->layers + 2;
    for (size_t i = 0; i < number; i++) sizes[i] = (sizes[i] + 31) / LANES * LANES, total += sizes[i];
    float *memory = floats(total), *parts[sizeof sizes / sizeof *sizes];
    Phase *all = calloc(phases, sizeof *all);
    if (memory && all) {
        parts[0] = memory;
        for (size_t i = 1; i < number; i++) parts[i] = parts[i - 1] + sizes[i - 1];
        Space sp = {parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], (int8_t *)parts[6], parts[7], parts[8]};
        memset(sp.ranks, 0, sizes[5] * sizeof(float));
        for (int row = 0; row < rows; row++) read_output(&m->embedding, s->tokens[row], sp.x + (size_t)row * m->hidden);
        atomic_int thread = 0;
#pragma omp parallel num_threads(threads)
        {
            float *mine = parts[9] + scores * (size_t)atomic_fetch_add(&thread, 1);
            Phase *phase = all;
            for (int layer = 0; layer < m->layers; layer++) phase = run_layer(m, s, layer, &sp, mine, threads, phase);
            run_head(m, s, first, &sp, logits, threads, phase);
        }
    }
    free(all);
    free(memory);
    return memory && all ? 0 : 1;
}

/* y[rows][outputs] = x[rows][inputs] through the matrix alone; at most MOST_ROWS rows. */
int multiply(const Matrix *m, int rows, int threads, const float *x, float *y) {
    int groups = (m->inputs + GROUP - 1) / GROUP, blocks = (m->outputs + LANES - 1) / LANES;
    float *memory = floats((size_t)rows * groups * (GROUP / 4 + 2));
    if (!memory) return 1;
    Space space = {.scale = memory, .sum = memory + rows * groups, .digits = (int8_t *)(memory + 2 * rows * groups)};
    Input in = input(&space, x, m->inputs);
    for (int row = 0; row < rows && m->bits != EXACT; row++) quantise(&in, row);
#pragma omp parallel for num_threads(threads)
    for (int block = 0; block < blocks; block++) {
        float part[MOST_ROWS * LANES];
        multiply_block(m, block, &in, rows, part);
        store_block(part, rows, block, m->outputs, y);
    }
    free(memory);
    return 0;
}

/* y[row] = log(sum(exp(logits))); not finite where a logit is not. */
void totals(const float *logits, int rows, int stride, int vocab, double *y) {
    for (int row = 0; row < rows; row++) {
        const float *x = logits + (size_t)row * stride;
        float most = x[0], check = 0.0f, sum = 0.0f;
#pragma omp simd reduction(max : most) reduction(+ : check)
        for (int i = 0; i < vocab; i++) most = x[i] > most ? x[i] : most, check += x[i] * 0.0f;
#pragma omp simd reduction(+ : sum)
        for (int i = 0; i < vocab; i++) sum += exponential(x[i] - most);
        y[row] = (double)most + log((double)sum) + (double)check;
    }
}

/* The `count` largest logits of each row and their tokens, descending; of equal ones the first token comes first. */
void likeliest(const float *logits, int rows, int stride, int vocab, int count, float *values, int64_t *tokens) {
    for (int row = 0; row < rows; row++, values += count, tokens += count) {
        const float *x = logits + (size_t)row * stride;
        for (int n = 0; n < count; n++) values[n] = -INFINITY, tokens[n] = 0;
        for (int i = 0; i < vocab; i += LANES) {
            int end = vocab - i < LANES ? vocab : i + LANES, any = 0;
            for (int j = i; j < end; j++) any |= x[j] > values[count - 1];
            for (int j = i; any && j < end; j++) {
                if (!(x[j] > values[count - 1])) continue;
                int n = count - 1;
                for (; n > 0 && x[j] > values[n - 1]; n--) values[n] = values[n - 1], tokens[n] = tokens[n - 1];
                values[n] = x[j], tokens[n] = j;
            }
        }
    }
}

/* One group of an output's weights, zeros where it has none: weight = scale * q + least. Returns the worst error. */
static float pack_group(const float *weights, int size, int bits, uint8_t *q, float *scale, float *least) {
    float padded[GROUP] = {0}, low, high, worst = 0.0f;
    memcpy(padded, weights, sizeof(float) * size);
    low = high = padded[0];
#pragma omp simd reduction(min : low) reduction(max : high)
    for (int i = 0; i < GROUP; i++) low = padded[i] < low ? padded[i] : low, high = padded[i] > high ? padded[i] : high;
    float step = (high - low) / (float)(bits == 4 ? 15 : 127);
    step = step > 1e-30f ? step : 1e-30f;
#pragma omp simd reduction(max : worst)
    for (int i = 0; i < GROUP; i++) {
        float whole = __builtin_rintf((padded[i] - low) / step), error = fabsf(whole * step + low - padded[i]);
        q[i] = (uint8_t)(int32_t)whole;
        worst = error > worst ? error : worst;
    }
    *scale = step, *least = low;
    return worst;
}

/* Pack [outputs][inputs] floats as Matrix says. Returns 1, and leaves off, where an error exceeds `tolerance`. */
int pack(const float *weights, int outputs, int inputs, int bits, float tolerance, int threads, uint8_t *to, float *scales) {
    const int groups = (inputs + GROUP - 1) / GROUP, bytes = GROUP * LANES * bits / 8, half = GROUP / 8;
    atomic_int failed = 0;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
    for (int block = 0; block < (outputs + LANES - 1) / LANES; block++)
        for (int g = 0; g < groups && !failed; g++) {
            uint8_t *here = to + ((size_t)block * groups + g) * bytes, q[GROUP];
            float *scale = scales + ((size_t)block * groups + g) * 2 * LANES;
            for (int lane = 0; lane < LANES; lane++) {
                int output = block * LANES + lane, size = inputs - g * GROUP < GROUP ? inputs - g * GROUP : GROUP;
                const float *from = weights + (size_t)output * inputs + g * GROUP;
                if (pack_group(from, output < outputs ? size : 0, bits, q, scale + lane, scale + LANES + lane) > tolerance) failed = 1;
                for (int k = 0; k < GROUP / 4; k++)
                    for (int i = 0; i < 4; i++) {
                        uint8_t *byte = here + (bits == 4 ? k % half : k) * 4 * LANES + 4 * lane + i;
                        if (bits == 8 || k < half) *byte = q[4 * k + i];
                        else *byte |= (uint8_t)(q[4 * k + i] << 4);
                    }
            }
        }
    return failed;
}
