/* Rows of the character n-gram: log P of every character after each of several contexts (model/ngram.py).
 *
 * Legend: V vocabulary size, C contexts, M n-grams.
 */
#include <math.h>
#include <stdint.h>

#include "phrases.h"

/* log_base (V,): log P after no character at all; log_rests (V,): log of what a context of one character leaves to it;
 * the others as in model/ngram.py. */
typedef struct {
    const float *log_base;
    const float *log_rests;
    const float *lefts;
    const float *logs;
    const uint32_t *starts;
    const uint32_t *shorter;
    Numbers symbols;
    int32_t vocabulary;
    int32_t contexts;
} Ngram;

static const float LEAST_LOG = -69.07755f; /* log 1e-30: of a probability that is none, such as that of BEGIN */

enum { MOST_ORDER = 64 };

/* Give the context after one character more. */
static int64_t advance(const Ngram *ngram, int64_t context, int32_t symbol) {
    for (;;) {
        uint32_t low = ngram->starts[context], end = ngram->starts[context + 1], high = end;
        while (low < high) {
            uint32_t middle = low + (high - low) / 2;
            if ((int32_t)number_at(&ngram->symbols, middle) < symbol)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < end && (int32_t)number_at(&ngram->symbols, low) == symbol) {
            int64_t longer = (int64_t)ngram->vocabulary + low;
            if (longer < ngram->contexts) return longer;
        }
        if (context < ngram->vocabulary) return symbol;
        context = ngram->shorter[context - ngram->vocabulary];
    }
}

/* Follow sequences of ids (length, count) from contexts (count,): writes the contexts after each (length, count). */
void machim_ngram_follow(
    const Ngram *ngram, const int64_t *contexts, const int64_t *ids, int64_t length, int64_t count, int64_t *after) {
    for (int64_t at = 0; at < length; at++, contexts = after, after += count, ids += count)
        for (int64_t number = 0; number < count; number++)
            after[number] = advance(ngram, contexts[number], (int32_t)ids[number]);
}

/* Write over a row what was seen after one context. */
static void write_seen(const Ngram *ngram, int64_t context, float left, float *row) {
    for (uint32_t entry = ngram->starts[context]; entry < ngram->starts[context + 1]; entry++)
        row[number_at(&ngram->symbols, entry)] = ngram->logs[entry] + left;
}

/* Fill rows (count, V) with log P after each context (count,), nats. */
void machim_ngram_rows(const Ngram *ngram, const int64_t *contexts, int64_t count, float *rows) {
    int32_t vocabulary = ngram->vocabulary;
    for (int64_t number = 0; number < count; number++, rows += vocabulary) {
        int64_t chain[MOST_ORDER], context = contexts[number];
        int depth = 0;
        while (context >= vocabulary && depth < MOST_ORDER) {
            chain[depth++] = context;
            context = ngram->shorter[context - vocabulary];
        }
        /* What the longer contexts leave to the last character's, and so on: differences of what is left to it. */
        float left = depth ? ngram->lefts[chain[0] - vocabulary] : 0.0f;
        float rest = ngram->log_rests[context] + left, least = LEAST_LOG + left;
        for (int32_t i = 0; i < vocabulary; i++) {
            float value = ngram->log_base[i] + rest;
            rows[i] = value > least ? value : least;
        }
        write_seen(ngram, context, left, rows);
        while (depth--) write_seen(ngram, chain[depth], left - ngram->lefts[chain[depth] - vocabulary], rows);
    }
}
