/** What the frame says, and how words are found. */

export const LANGUAGES = { en: "English", zh: "中文" };

/** The language of the page: that of the switch, or of the browser. */
export const language = () => document.documentElement.lang;

/** `say(key, values)` from the first of these `{en, zh}` that knows the key; `{name}` is filled. */
export function speaker(...dictionaries) {
  return (key, values = {}) => {
    const found =
      dictionaries.map((each) => each[language()]?.[key]).find((text) => text !== undefined) ??
      dictionaries.map((each) => each.en?.[key]).find((text) => text !== undefined) ??
      key;
    return found.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
  };
}

export const words = {
  en: {
    ask: "Ask",
    user: "User",
    genres: "Genres",
    flow: "Flow",
    views: "Views",
    light: "Light theme",
    dark: "Dark theme",
    language: "Language",
    cancel: "Cancel",
    close: "Close",
    again: "Try again",
    away: "The gateway does not answer. What you typed is kept; the page goes on once it is back.",
    no_kafka:
      "The gateway is here, but Kafka does not answer it. What you typed is kept; " +
      "the page goes on once it is back.",
    back: "Everything answers again.",
    no_view: "This part of the page could not be loaded.",
    key_title: "A key is needed",
    key_text: "This gateway asks for a key. It is kept in this tab until you close it.",
    key_wrong: "The gateway does not know this key. Please try another one.",
    key: "Key",
    key_use: "Use this key",
    likes: "likes {about}",
    dislikes: "dislikes {about}",
    about_genre: "{name}",
    about_family: "{name} in general",
    about_style: "the {name} style",
    problem: "{detail} ({code})",
    unreachable: "The gateway could not be reached.",
    no_broker: "Kafka does not answer at the moment. Please try again in some seconds.",
    over_rate: "That was too fast for this key. Please wait a moment.",
    too_many_streams: "Too many requests wait at the same time. Please try again in some seconds.",
    no_key: "The gateway asks for a key.",
    out_of_scope: "The key may not do this.",
    wrong_user: "The key belongs to other users.",
    wrong_tenant: "The key belongs to another tenant.",
  },
  zh: {
    ask: "请求",
    user: "用户",
    genres: "体裁",
    flow: "数据流",
    views: "视图",
    light: "浅色主题",
    dark: "深色主题",
    language: "语言",
    cancel: "取消",
    close: "关闭",
    again: "重试",
    away: "网关没有响应。您输入的内容已保留，恢复后页面会继续。",
    no_kafka: "网关在线，但 Kafka 没有响应。您输入的内容已保留，恢复后页面会继续。",
    back: "一切恢复正常。",
    no_view: "页面的这一部分未能加载。",
    key_title: "需要密钥",
    key_text: "此网关需要密钥。密钥只保存在此标签页中，关闭后即失效。",
    key_wrong: "网关不认识这个密钥，请换一个。",
    key: "密钥",
    key_use: "使用此密钥",
    likes: "喜欢 {about}",
    dislikes: "不喜欢 {about}",
    about_genre: "{name}",
    about_family: "{name} 一类",
    about_style: "{name} 风格",
    problem: "{detail}（{code}）",
    unreachable: "无法连接网关。",
    no_broker: "Kafka 暂时没有响应，请几秒后重试。",
    over_rate: "此密钥的请求过于频繁，请稍候。",
    too_many_streams: "同时等待的请求过多，请几秒后重试。",
    no_key: "网关需要密钥。",
    out_of_scope: "此密钥没有这项权限。",
    wrong_user: "此密钥属于其他用户。",
    wrong_tenant: "此密钥属于其他租户。",
  },
};
